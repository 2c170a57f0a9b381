// A key does what its button does: whatever has data-key is pressed by that key. So every shortcut is a button, and help lists them all.

import { prefs } from './prefs.js';

const TYPING = 'input:not([type=checkbox], [type=radio]), textarea, select, [contenteditable]';
const OWN_ENTER = 'a, button, summary, input, select';
const MAY_REPEAT = new Set(['j', 'k']);

const inReach = () => document.querySelector('dialog[open]') ?? document;

function buttonOf(key) {
  const all = [...inReach().querySelectorAll(`[data-key="${CSS.escape(key)}"]`)].filter((one) => !one.disabled && one.checkVisibility());
  return all.find((one) => one.closest('[aria-current=true]')) ?? all[0];
}

function pressed(event) {
  if (event.defaultPrevented || event.ctrlKey || event.metaKey || event.altKey || event.isComposing) return;
  const key = event.key.length === 1 && !event.shiftKey ? event.key.toLowerCase() : event.key;
  if (event.target.closest(TYPING)) return;
  if (key === 'Enter' && event.target.closest(OWN_ENTER)) return;
  if (key.length === 1 && !prefs().keys) return;
  if (event.repeat && !MAY_REPEAT.has(key)) return;
  const button = buttonOf(key);
  if (!button) return;
  event.preventDefault();
  button.click();
}

function help() {
  const list = document.getElementById('help-keys');
  const seen = new Map();
  for (const one of document.querySelectorAll('[data-key]:not([data-quiet])')) {
    if (!seen.has(one.dataset.key)) seen.set(one.dataset.key, one.dataset.help ?? one.textContent);
  }
  list.replaceChildren(
    ...[...seen].map(([key, words]) => {
      const pair = document.createElement('div');
      const term = document.createElement('dt');
      const meaning = document.createElement('dd');
      const cap = document.createElement('kbd');
      cap.textContent = key;
      term.append(cap);
      meaning.textContent = words;
      pair.append(term, meaning);
      return pair;
    }),
  );
  document.getElementById('help').showModal();
}

export function start() {
  document.addEventListener('keydown', pressed);
  document.getElementById('open-help').addEventListener('click', help);
}

// Opens a dialog; gives the value of the button that closed it, empty for none.
export function choose(id, title) {
  const dialog = document.getElementById(id);
  if (title) dialog.querySelector('h2').textContent = title;
  dialog.returnValue = '';
  dialog.showModal();
  return new Promise((done) => dialog.addEventListener('close', () => done(dialog.returnValue), { once: true }));
}
