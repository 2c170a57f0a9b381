// How many decisions this shift has seen, and when it is time for a break. Kept in this browser, told to nobody.

import { prefs, read, write } from './prefs.js';

const MINUTE = 60_000;
const BREAK = 5 * MINUTE; // so long without a key or a click is one
const SHIFT_ENDS = 4 * 60 * MINUTE;
const LOOK = 20_000;

const now = () => Date.now();
const kept = () => read('shift', { decided: 0, seen: now(), since: now(), quiet: 0 });

function seen() {
  const shift = kept();
  const idle = now() - shift.seen;
  if (idle > SHIFT_ENDS) shift.decided = 0;
  if (idle > BREAK) shift.since = now();
  shift.seen = now();
  write('shift', shift);
}

export function counted(number) {
  seen();
  const shift = kept();
  write('shift', { ...shift, decided: Math.max(0, shift.decided + number) });
  show();
}

function show() {
  const shift = kept();
  const minutes = Math.floor((now() - shift.since) / MINUTE);
  document.getElementById('shift').textContent = shift.decided;
  document.getElementById('worked').textContent = minutes;
  const due = prefs().rest > 0 && minutes >= prefs().rest && now() >= shift.quiet && now() - shift.seen < BREAK;
  const rest = document.getElementById('rest');
  if (rest.hidden === due) rest.hidden = !due;
}

export function start() {
  let last = 0;
  for (const kind of ['keydown', 'pointerdown', 'wheel']) {
    document.addEventListener(
      kind,
      () => {
        if (now() - last < 5000) return;
        last = now();
        seen();
        show();
      },
      { passive: true },
    );
  }
  const close = (changes) => {
    write('shift', { ...kept(), ...changes });
    show();
    document.getElementById('main').focus();
  };
  document.getElementById('rested').addEventListener('click', () => close({ since: now(), seen: now() }));
  document.getElementById('later').addEventListener('click', () => close({ quiet: now() + 10 * MINUTE }));
  seen();
  show();
  setInterval(show, LOOK);
}
