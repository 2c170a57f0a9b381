// Decisions, what they are called, and taking them back. Also: who was first.

import { nameOf, post } from './api.js';
import { counted } from './shift.js';

export const DONE = { approve: 'approved', reject: 'rejected', escalate: 'escalated', hold: 'put aside', hand: 'handed on' };
const KEPT = 20; // decisions that can be taken back, newest first
const under = new Set(); // decisions that are under way

function last() {
  try {
    return JSON.parse(sessionStorage.getItem('moderation.last') ?? '[]');
  } catch {
    return [];
  }
}

function keep(groups) {
  try {
    sessionStorage.setItem('moderation.last', JSON.stringify(groups.slice(0, KEPT)));
  } catch {
    // then there is nothing to take back
  }
}

// One group of decisions is taken back together.
export const remember = (ids, what) => ids.length && keep([{ ids, what }, ...last()]);

const PUT = { hold: (seconds) => ['/api/v1/hold', { seconds: Number(seconds) }], hand: (to) => ['/api/v1/hand-on', { to }] };

// `proof` is comment_id, version and revision of a claim. `what` is a verdict with its reason in `more`, hold with its seconds there, or hand with an id.
export function decide(proof, what, more, { alone = true } = {}) {
  const sent = what in PUT ? put(proof, ...PUT[what](more)) : resolve(proof, what, more);
  const known = sent.then(() => {
    if (!(what in PUT)) counted(1);
    if (alone && what !== 'hand') remember([proof.comment_id], what);
  });
  under.add(known);
  known.catch(() => {}).finally(() => under.delete(known));
  return known;
}

const put = (proof, path, more) => post(path, { ...proof, ...more });

async function resolve(proof, verdict, reason) {
  const body = { ...proof, verdict, ...(reason ? { reason } : {}) };
  try {
    return await post('/api/v1/resolve', body);
  } catch (problem) {
    if (problem.name !== 'lease-lost' || problem.state !== 'ready') throw problem;
    // The claim ran out and nobody took it: it may be ours again, as long as the words are the same.
    const claim = await take(proof.comment_id);
    if (claim.revision !== proof.revision) throw problem;
    return post('/api/v1/resolve', { ...body, version: claim.version });
  }
}

// The proof of the new claim, with `until`.
export async function take(comment_id) {
  const claim = await post('/api/v1/take', { comment_id });
  return { comment_id, version: claim.version, revision: claim.item.comment.revision ?? 1, until: claim.until, claimed_at: claim.claimed_at };
}

export const bare = ({ comment_id, version, revision }) => ({ comment_id, version, revision });

// Takes back the last group. Gives the claims, which are ours again; none when there was nothing to take back.
export async function undo() {
  await Promise.allSettled(under);
  const [group, ...rest] = last();
  if (!group) return [];
  keep(rest);
  const claims = [];
  for (const comment_id of group.ids) claims.push(group.what === 'hold' ? bare(await take(comment_id)) : await undoOne(comment_id));
  return claims;
}

export async function undoOne(comment_id) {
  const claim = await post('/api/v1/undo', { comment_id });
  counted(-1);
  return { comment_id, version: claim.version, revision: claim.item.comment.revision ?? 1 };
}

// What a conflict means, in words.
export async function told(problem, me) {
  const who = problem.moderator && problem.moderator !== me ? await nameOf(problem.moderator).catch(() => problem.moderator) : 'You';
  if (problem.name === 'already-decided') return `${who} decided it first: ${DONE[problem.verdict] ?? problem.verdict}.`;
  if (problem.name === 'lease-lost' && problem.moderator) return `${who} ${who === 'You' ? 'have' : 'has'} it now.`;
  if (problem.name === 'lease-lost') return 'It is no longer yours.';
  if (problem.name === 'item-changed') return 'It was edited or taken back meanwhile. Look again.';
  if (problem.name === 'too-late') return 'It is too late to take that back.';
  if (problem.name === 'unknown-item') return 'It is not in the queue any more.';
  if (problem.name === 'forbidden') return 'That is for a lead.';
  return problem.message;
}
