// The list: moving in it, deciding from it, and keeping it true while others work.

import { load, post } from './api.js';
import { coverings } from './comfort.js';
import { bare, decide, DONE, remember, take, told, undo } from './decide.js';
import { choose } from './keys.js';
import { listen } from './live.js';
import { later, say, warn } from './say.js';

const SOON = 200; // milliseconds: steps that come together are read together
const SELDOM = 1500; // and a busy queue is not read more often than this
const AT_ONCE = 4;
const items = document.getElementById('items');
const rows = () => [...items.children];
const id = (row) => decodeURIComponent(row.dataset.id);
const key = (row) => `${row.dataset.revision} ${row.dataset.id}`;
let current;

function mark(row, { focus = false } = {}) {
  if (current !== row) {
    const left = current;
    current?.removeAttribute('aria-current');
    current = row;
    current?.setAttribute('aria-current', 'true');
    if (left?.classList.contains('gone')) left.remove();
  }
  if (focus) row?.querySelector('.open').focus();
}

function move(by) {
  const all = rows();
  if (all.length) mark(all[Math.min(all.length - 1, Math.max(0, all.indexOf(current) + by))], { focus: true });
}

const picked = () => rows().filter((row) => row.querySelector('.pick')?.checked && !row.classList.contains('gone'));

function showPicked() {
  const number = picked().length;
  const place = document.getElementById('picked');
  place.hidden = number === 0;
  place.textContent = `${number} selected`;
  for (const row of rows()) row.classList.toggle('selected', Boolean(row.querySelector('.pick')?.checked));
}

async function act(what) {
  const chosen = picked().length ? picked() : current && !current.classList.contains('gone') ? [current] : [];
  if (!chosen.length) return say('No comment is chosen.');
  const many = chosen.length > 1;
  const number = `${chosen.length} comments`;
  let more;
  if (what === 'reject') {
    hint(many ? '' : chosen[0].dataset.hint);
    more = await choose('reasons', many ? `Reject ${number}: why?` : 'Reject: why?');
  }
  if (what === 'hold') more = await choose('pauses', many ? `Put ${number} aside: how long?` : 'Put aside: how long?');
  if (more === '') return;
  if (many) {
    document.getElementById('confirm-words').textContent = `${number} will be ${DONE[what]}${what === 'reject' ? ` (${more})` : ''}.`;
    if ((await choose('confirm', `${number}: sure?`)) !== 'yes') return;
  }
  const within = items.contains(document.activeElement) || document.activeElement === document.body;
  const all = rows();
  const rest = all.slice(all.indexOf(chosen[0])).find((row) => !chosen.includes(row)) ?? all.findLast((row) => !chosen.includes(row));
  for (const row of chosen) {
    row.classList.add('leaving');
    if (row.querySelector('.pick')) row.querySelector('.pick').checked = false;
  }
  showPicked();
  if (chosen.includes(current)) mark(rest, { focus: within });
  await sent(chosen, what, more);
}

async function sent(chosen, what, more) {
  const done = [];
  const faults = [];
  const waiting = [...chosen];
  const work = async () => {
    for (let row = waiting.shift(); row; row = waiting.shift()) {
      try {
        await one(row, what, more);
        done.push(id(row));
        row.remove();
      } catch (problem) {
        row.classList.remove('leaving');
        faults.push(await told(problem, ''));
      }
    }
  };
  await Promise.all(Array.from({ length: AT_ONCE }, work));
  remember(done, what);
  if (done.length) say(`${done.length === 1 ? 'One comment' : `${done.length} comments`} ${DONE[what]}.`, { label: 'Undo', run: takeBack });
  if (faults.length) warn(`${faults.length} not ${DONE[what]}: ${[...new Set(faults)].join(' ')}`);
  if (!rows().includes(document.activeElement?.closest('.item')) && document.activeElement === document.body) current?.querySelector('.open').focus();
  await refresh();
}

async function one(row, what, more) {
  const claim = await take(id(row));
  if (claim.revision !== Number(row.dataset.revision)) {
    await post('/api/v1/release', bare(claim));
    throw Object.assign(new Error('edited'), { name: 'item-changed' });
  }
  await decide(bare(claim), what, more, { alone: false });
}

function hint(code) {
  for (const one of document.querySelectorAll('.hint')) one.hidden = one.dataset.hint !== code;
}

async function takeBack() {
  try {
    const claims = await undo();
    if (claims.length === 0) return say('There is nothing to take back.');
    if (claims.length === 1) {
      later('Taken back. It is yours again.');
      const address = new URL('/comment', location.href);
      address.search = location.search;
      address.searchParams.set('comment_id', claims[0].comment_id);
      return location.assign(address);
    }
    await Promise.all(claims.map((claim) => post('/api/v1/release', claim)));
    say(`${claims.length} decisions were taken back; the comments wait again.`);
  } catch (problem) {
    warn(await told(problem, ''));
  }
  await refresh();
}

let reading;
let again = false;

// Reads the page anew and takes over what changed; what somebody is looking at stays where it is.
async function refresh() {
  if (reading) {
    again = true;
    return reading;
  }
  reading = (async () => {
    do {
      again = false;
      const { page } = await load(location.pathname + location.search);
      for (const part of document.querySelectorAll('[data-live]')) swap(part, page.getElementById(part.id));
      merge([...page.querySelectorAll('#items > li')]);
      document.getElementById('empty').hidden = rows().length > 0;
    } while (again);
  })();
  try {
    await reading;
  } catch (problem) {
    warn(problem.message);
  } finally {
    reading = undefined;
  }
}

function swap(part, fresh) {
  if (!fresh || part.innerHTML === fresh.innerHTML) return;
  const focused = part.contains(document.activeElement) ? document.activeElement.id : '';
  part.replaceChildren(...document.importNode(fresh, true).childNodes);
  if (focused) (document.getElementById(focused) ?? document.getElementById('main')).focus();
}

function merge(fresh) {
  const known = new Map(rows().filter((row) => !row.classList.contains('gone')).map((row) => [key(row), row]));
  const list = fresh.map((row) => {
    const old = known.get(key(row));
    known.delete(key(row));
    if (old) old.querySelector('.wait').textContent = row.querySelector('.wait').textContent;
    return old ?? document.importNode(row, true);
  });
  // The comment under the cursor stays, so that a key never meets another one.
  if (current?.isConnected && !list.includes(current) && !current.classList.contains('leaving')) {
    if (!current.classList.contains('gone')) gone(current);
    list.splice(Math.min(list.length, rows().indexOf(current)), 0, current);
  }
  for (const row of rows()) if (!list.includes(row)) row.remove();
  let at = items.firstElementChild;
  for (const row of list) {
    if (row === at) at = at.nextElementSibling;
    else {
      items.insertBefore(row, at);
      coverings(row);
    }
  }
  if (!current?.isConnected) mark(items.firstElementChild);
  showPicked();
}

function gone(row) {
  row.classList.add('gone');
  const note = document.createElement('p');
  note.className = 'veil';
  note.textContent = 'No longer waiting here.';
  row.append(note);
  if (row.querySelector('.pick')) row.querySelector('.pick').checked = false;
}

let timer;
let last = 0;
function soon() {
  timer ??= setTimeout(
    () => {
      timer = undefined;
      last = Date.now();
      refresh();
    },
    Math.max(SOON, last + SELDOM - Date.now()),
  );
}

function select() {
  const box = current?.querySelector('.pick');
  if (!box) return;
  box.checked = !box.checked;
  showPicked();
}

function search() {
  const field = document.getElementById('q');
  document.getElementById('filters-box').open = true;
  field.focus();
  field.select();
}

const ACTIONS = { down: () => move(1), up: () => move(-1), open: () => current?.querySelector('.open').click(), select, undo: takeBack };

document.addEventListener('click', (event) => {
  const button = event.target.closest('[data-action]');
  if (button) (ACTIONS[button.dataset.action] ?? (() => act(button.dataset.action)))();
  const row = event.target.closest('#items > .item');
  if (row) mark(row);
});
items.addEventListener('focusin', (event) => mark(event.target.closest('.item')));
items.addEventListener('change', showPicked);
document.getElementById('to-search').addEventListener('click', search);
document.getElementById('q').addEventListener('keydown', (event) => {
  if (event.key === 'Escape' && !event.target.value) (current?.querySelector('.open') ?? document.getElementById('main')).focus();
});
const narrow = window.matchMedia('(max-width: 60rem)');
const unfold = () => (document.getElementById('filters-box').open = !narrow.matches);
narrow.addEventListener('change', unfold);
unfold();
mark(items.firstElementChild);
showPicked();
listen({ step: soon, look: soon, state: (words) => (document.getElementById('live').textContent = words) });
setInterval(() => document.hidden || refresh(), 60_000); // ages
