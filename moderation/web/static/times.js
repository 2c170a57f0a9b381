// Moments in the reader's own time and manner.

export function localTimes(within) {
  for (const time of within.querySelectorAll('time[data-local]')) {
    const at = new Date(time.dateTime);
    if (Number.isNaN(at.getTime())) continue; // it says something else: as it came
    time.textContent = at.toLocaleString(undefined, { dateStyle: 'medium', timeStyle: 'short' });
  }
}
