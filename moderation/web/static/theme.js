// Before anything is drawn: the colours that were chosen in this browser.
try {
  const { theme } = JSON.parse(localStorage.getItem('moderation.prefs') ?? '{}');
  if (theme === 'light' || theme === 'dark') document.documentElement.dataset.theme = theme;
} catch {
  // Nothing is kept here: as the system has it.
}
