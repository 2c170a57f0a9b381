// The page of one comment. The next one is put in its place without a new page being loaded, so that the decision can still be on its way.

import { load, post } from './api.js';
import { coverings } from './comfort.js';
import { bare, decide, DONE, take, told, undo, undoOne } from './decide.js';
import { choose } from './keys.js';
import { Lease } from './lease.js';
import { listen } from './live.js';
import { later, say, warn } from './say.js';
import * as skipped from './skipped.js';
import { localTimes } from './times.js';

// A page that is loaded again may have given its comment back a moment ago: what it says of the claim is old.
const anew = window.performance.getEntriesByType('navigation')[0]?.type !== 'navigate';
const ASKS = { reject: 'reasons', hold: 'pauses', hand: 'colleagues' }; // the dialog that says more
const WAITS = new Set(['ready', 'leased', 'held']);
let here; // what is shown: { id, me, proof, lease, root }

// `mine`: what the page says of our claim is true, so that it need not be made again.
function mount({ mine = false } = {}) {
  const root = document.getElementById('comment');
  const data = root.dataset;
  here = { root, id: decodeURIComponent(data.id), me: data.me, proof: undefined, busy: false };
  const shown = here;
  shown.lease = new Lease({
    full: Number(data.lease),
    renew: () => post('/api/v1/renew', bare(shown.proof)),
    over: () => ranOut(shown),
  });
  coverings(root);
  localTimes(root);
  const hint = document.querySelector(`[data-hint="${CSS.escape(data.hint)}"].hint`);
  if (hint) hint.hidden = false;
  document.getElementById('history')?.addEventListener('toggle', history, { once: true });
  if (document.getElementById('words')) {
    around(shown);
    marks(shown, 'sentences');
  }
  deciding(false);
  if (!('may' in data) || !WAITS.has(data.state)) return;
  if (data.state === 'held' && data.holder !== data.me) {
    // To look at it does not end its being put aside.
    if (!data.holder) warnHere('It is put aside.', { label: 'Claim it', run: () => here === shown && own(shown) });
  } else if (mine && data.state === 'leased' && data.holder === data.me) {
    owned(shown, { comment_id: shown.id, version: Number(data.version), revision: Number(data.revision) }, Number(data.until) - Number(data.now));
  } else {
    own(shown);
  }
}

async function own(shown) {
  try {
    const claim = await take(shown.id);
    if (here !== shown) return release(bare(claim));
    if (claim.revision !== Number(shown.root.dataset.revision)) return location.reload();
    owned(shown, bare(claim), claim.until - claim.claimed_at);
  } catch (problem) {
    if (here !== shown) return;
    const words = await told(problem, shown.me);
    state(words);
    warnHere(words);
  }
}

function owned(shown, proof, seconds) {
  shown.proof = proof;
  shown.lease.start(seconds);
  state('You have it');
  deciding(true);
}

function lost(shown, words, action) {
  shown.proof = undefined;
  shown.lease.stop();
  document.querySelector('dialog[open]')?.close('');
  state(words);
  warnHere(words, action);
  deciding(false);
}

// What is of no interest any more when the next comment comes.
function warnHere(words, action) {
  warn(words, action);
  here.warned = true;
}

function ranOut(shown) {
  // Until somebody takes it, our decision would still count; so what it was is kept.
  state('Your claim ran out: anybody may take it');
  warnHere('Your claim ran out. Anybody may take the comment now.', { label: 'Claim it again', run: () => here === shown && own(shown) });
}

const state = (words) => (document.getElementById('state').textContent = words);

// A button that had the focus keeps it: it only says that it does nothing now.
function deciding(possible) {
  for (const one of here.root.querySelectorAll('.deciding button')) one.setAttribute('aria-disabled', String(!possible));
}

function release(proof) {
  post('/api/v1/release', proof).catch(() => {});
}

function leave(shown) {
  shown.lease.stop();
  const { proof } = shown;
  shown.proof = undefined;
  return proof;
}

async function act(what) {
  const shown = here;
  if (!shown.proof || shown.busy) {
    if (!shown.busy) warnHere('It is not yours to decide now.');
    return;
  }
  const more = what in ASKS ? await choose(ASKS[what]) : undefined;
  if (more === '' || here !== shown || !shown.proof) return;
  shown.busy = true;
  const proof = leave(shown);
  const sent = decide(proof, what, more).then(
    () => [say, `${DONE[what][0].toUpperCase()}${DONE[what].slice(1)}.`, what === 'hand' ? undefined : { label: 'Undo', run: takeBack }],
    async (problem) => [warn, `Not ${DONE[what]}. ${await told(problem, shown.me)}`, { label: 'Look at it', run: () => open(shown.id) }],
  );
  state(`${DONE[what]}, loading the next`);
  deciding(false);
  const left = await next(sent);
  const [tell, words, action] = await sent;
  if (!left) tell(words, action);
}

// Claims the next comment and shows it. True when there was none and we went to the queue, where `sent` is told.
async function next(sent) {
  const form = new FormData();
  for (const id of skipped.ids()) form.append('skip', id);
  let found;
  try {
    found = await load(here.root.dataset.next, form);
  } catch (problem) {
    warn(await told(problem, here.me));
    return false;
  }
  if (found.page.getElementById('comment')) {
    show(found);
    return false;
  }
  skipped.clear();
  const [, words] = (await sent) ?? [];
  later(`${words ?? ''} Nothing else waits that fits.`.trim());
  location.assign(here.root.dataset.queue);
  return true;
}

function show({ url, page }) {
  const main = document.getElementById('main');
  main.replaceChildren(...document.importNode(page.getElementById('main'), true).childNodes);
  document.title = page.title;
  window.history.replaceState(null, '', url);
  if (here.warned) document.getElementById('alert').replaceChildren();
  window.scrollTo(0, 0);
  mount({ mine: true });
  document.getElementById('title').focus();
}

async function open(id) {
  const proof = leave(here);
  if (proof && proof.comment_id !== id) release(proof);
  const address = new URL(location.href);
  address.pathname = '/comment';
  address.searchParams.set('comment_id', id);
  try {
    show(await load(address.pathname + address.search));
  } catch (problem) {
    warn(await told(problem, here.me));
  }
}

async function skip() {
  const proof = leave(here);
  if (proof) skipped.add(proof.comment_id);
  deciding(false);
  await next(Promise.resolve([say, '']));
  if (proof) release(proof);
}

async function takeBack() {
  try {
    // What is looked at comes first, where it was decided and may be taken back.
    const claims = 'undo' in here.root.dataset ? [await undoOne(here.id)] : await undo();
    if (claims.length === 0) return say('There is nothing to take back.');
    if (claims.length > 1) {
      claims.forEach(release);
      return say(`${claims.length} decisions were taken back; the comments wait again.`);
    }
    await open(claims[0].comment_id);
    say('Taken back. It is yours again.');
  } catch (problem) {
    warn(await told(problem, here.me));
  }
}

async function history(event) {
  const place = event.target.querySelector('.later');
  try {
    const { page } = await load(`/comment/history?${here.root.dataset.query}`);
    const list = page.getElementById('steps');
    localTimes(list);
    place.replaceChildren(document.importNode(list, true));
  } catch (problem) {
    place.textContent = problem.message;
  }
}

async function around(shown) {
  const place = document.getElementById('around');
  try {
    const { page } = await load(place.dataset.from);
    if (here !== shown) return;
    const found = document.importNode(page.getElementById('found'), true);
    localTimes(found);
    coverings(found);
    place.replaceChildren(found);
  } catch {
    place.textContent = 'What stands around it could not be read.';
  }
}

const NOTES = { sentences: '', words: 'How much the score falls without the word.' };

// Marks the sentences or the words that the score comes from. What was marked before stays where nothing stands out.
async function marks(shown, how) {
  const note = document.getElementById('marking');
  note.textContent = how === 'words' ? 'weighing…' : '';
  try {
    const { page } = await load(`/comment/${how}?${shown.root.dataset.query}`);
    if (here !== shown) return;
    const found = page.getElementById('marked');
    if (found.querySelector('mark')) document.getElementById('words').replaceChildren(...document.importNode(found, true).childNodes);
    note.textContent = found.querySelector('mark') || how === 'sentences' ? NOTES[how] : 'No single word stands out.';
  } catch {
    if (here === shown) note.textContent = how === 'words' ? 'The words could not be weighed.' : 'The sentences could not be read one by one.';
  }
}

function weigh() {
  const button = document.getElementById('weigh');
  const on = button.getAttribute('aria-pressed') !== 'true';
  button.setAttribute('aria-pressed', String(on));
  marks(here, on ? 'words' : 'sentences');
}

const GONE = { edited: 'It was edited meanwhile', deleted: 'Its author or site deleted it', withdrawn: 'An edit made it harmless', erased: 'Its words were erased' };

async function heard(step) {
  const shown = here;
  if (step.comment_id !== shown.id || step.who === shown.me || !shown.root.isConnected) return;
  if (step.what === 'claimed') lost(shown, await told({ name: 'lease-lost', moderator: step.who }, shown.me));
  else if (step.what === 'resolved') lost(shown, await told({ name: 'already-decided', moderator: step.who, verdict: (await status(shown.id))?.verdict ?? '' }, shown.me));
  else if (GONE[step.what]) {
    lost(shown, `${GONE[step.what]}.`, { label: 'Look again', run: () => open(shown.id) });
  }
}

async function status(id) {
  const answer = await fetch(`/api/v1/status?comment_id=${encodeURIComponent(id)}`);
  return answer.ok ? answer.json() : undefined;
}

// Steps may have been missed, as before the first one is heard: what became of it is asked.
async function look() {
  const shown = here;
  const now = shown.proof && (await status(shown.id));
  if (!now || here !== shown || !shown.proof) return;
  if (now.revision !== shown.proof.revision) lost(shown, `${GONE.edited}.`, { label: 'Look again', run: () => open(shown.id) });
  else if (now.state === 'leased' && now.moderator !== shown.me) await heard({ comment_id: shown.id, who: now.moderator, what: 'claimed' });
  else if (now.state === 'resolved' && now.moderator !== shown.me) await heard({ comment_id: shown.id, who: now.moderator, what: 'resolved' });
}

const scroll = (part) => window.scrollBy({ top: part * window.innerHeight, behavior: 'instant' });
const ACTIONS = { weigh, skip, next: skip, undo: takeBack, down: () => scroll(0.6), up: () => scroll(-0.6) };

document.addEventListener('click', (event) => {
  const button = event.target.closest('[data-action]');
  if (!button || button.getAttribute('aria-disabled') === 'true') return;
  const { action } = button.dataset;
  if (ACTIONS[action]) ACTIONS[action]();
  else act(action);
});
window.addEventListener('pagehide', () => {
  const proof = leave(here);
  if (proof) release(proof);
});
window.addEventListener('pageshow', (event) => event.persisted && location.reload());
mount({ mine: !anew });
listen({ step: heard, look });
