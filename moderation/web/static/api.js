// The JSON API. Every step is safe to repeat, so what failed on the way is sent again.

const csrf = () => document.querySelector('meta[name=csrf]').content;
const PATIENCE = [300, 900, 2700]; // milliseconds

export class Problem extends Error {
  constructor(body) {
    super(body.detail || body.title);
    this.name = (body.type ?? '').replace('/problems/', '');
    this.status = body.status;
    this.state = body.state ?? '';
    this.moderator = body.moderator ?? '';
    this.verdict = body.verdict ?? '';
  }
}

export async function ask(path, options = {}) {
  let answer;
  for (let turn = 0; ; turn += 1) {
    answer = await fetch(path, options).catch(() => undefined);
    if ((answer && answer.status !== 503) || turn === PATIENCE.length) break;
    await new Promise((done) => setTimeout(done, PATIENCE[turn]));
  }
  if (!answer) throw new Problem({ title: 'The server does not answer.', status: 0 });
  if (answer.ok) return answer;
  if (answer.status === 401) location.assign(`/login?next=${encodeURIComponent(location.pathname + location.search)}`);
  throw new Problem(await answer.json().catch(() => ({ title: 'It went wrong.', status: answer.status })));
}

export const get = async (path) => (await ask(path)).json();

export async function post(path, body) {
  const headers = { 'Content-Type': 'application/json', 'X-CSRF-Token': csrf() };
  // What is under way when the page is left still arrives.
  return (await ask(path, { method: 'POST', headers, body: JSON.stringify(body), keepalive: true })).json();
}

// A page of ours, after a form was sent there or not.
export async function load(path, form) {
  const options = form ? { method: 'POST', headers: { 'X-CSRF-Token': csrf(), Accept: 'text/html' }, body: form } : { headers: { Accept: 'text/html' } };
  const answer = await ask(path, options);
  return { url: answer.url, page: new DOMParser().parseFromString(await answer.text(), 'text/html') };
}

export async function nameOf(id) {
  return (await get(`/people?id=${encodeURIComponent(id)}`))[id] ?? id;
}
