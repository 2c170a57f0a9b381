// Colours, covered words, keys and breaks: what somebody set for themselves.

import { change, prefs } from './prefs.js';

function colours(theme) {
  if (theme === 'auto') delete document.documentElement.dataset.theme;
  else document.documentElement.dataset.theme = theme;
}

function cover(place, covered) {
  place.classList.toggle('shown', !covered);
  const words = place.querySelector('.words');
  if (covered) words.setAttribute('aria-hidden', 'true');
  else words.removeAttribute('aria-hidden');
  place.querySelector('.uncover').firstChild.textContent = covered ? 'Show ' : 'Cover ';
}

// For words that have just come onto the page.
export function coverings(within = document) {
  const wanted = prefs().cover;
  for (const place of within.querySelectorAll('.covered')) cover(place, wanted);
}

export function start() {
  const dialog = document.getElementById('comfort');
  const form = document.getElementById('comfort-form');
  document.getElementById('open-comfort').addEventListener('click', () => {
    const now = prefs();
    form.elements.theme.value = now.theme;
    form.elements.cover.checked = now.cover;
    form.elements.keys.checked = now.keys;
    form.elements.rest.value = now.rest;
    dialog.showModal();
  });
  form.addEventListener('change', () => {
    const rest = Number(form.elements.rest.value);
    change({
      theme: form.elements.theme.value,
      cover: form.elements.cover.checked,
      keys: form.elements.keys.checked,
      rest: Number.isFinite(rest) ? Math.min(240, Math.max(0, rest)) : 50,
    });
    colours(prefs().theme);
    coverings();
  });
  document.addEventListener('click', (event) => {
    const place = event.target.closest('.uncover')?.closest('.covered');
    if (place) cover(place, place.classList.contains('shown'));
  });
  coverings();
}
