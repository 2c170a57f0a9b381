// Messages: shown, and read aloud by screen readers. What went wrong stays until it is closed or something new is said.

const STAYS = 8000; // milliseconds, of what went well
let timer;

export function say(words, action) {
  show('status', words, action);
  clearTimeout(timer);
  timer = setTimeout(() => document.getElementById('status').replaceChildren(), STAYS);
}

export const warn = (words, action) => show('alert', words, action);

function show(id, words, action) {
  const place = document.getElementById(id);
  const text = document.createElement('p');
  text.textContent = words;
  const close = button('Close', () => place.replaceChildren());
  place.replaceChildren(text, ...(action ? [button(action.label, action.run)] : []), close);
}

function button(label, run) {
  const made = document.createElement('button');
  made.type = 'button';
  made.className = 'quiet';
  made.textContent = label;
  made.addEventListener('click', run);
  return made;
}

// For the next page: it is said there.
export function later(words) {
  try {
    sessionStorage.setItem('moderation.say', words);
  } catch {
    // then it is not said
  }
}

export function sayLater() {
  try {
    const words = sessionStorage.getItem('moderation.say');
    sessionStorage.removeItem('moderation.say');
    if (words) say(words);
  } catch {
    // nothing was kept
  }
}
