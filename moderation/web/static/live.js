// What changes in the queue, as it happens. A page that nobody sees does not listen: browsers allow few connections to one address.

// `step` is told each step of an item, `look` that everything has to be read again, `state` whether we hear.
export function listen({ step = () => {}, look = () => {}, state = () => {} }) {
  let source;
  const open = () => {
    source = new EventSource('/api/v1/events');
    source.addEventListener('open', () => state('live'));
    source.addEventListener('error', () => state(source.readyState === EventSource.CLOSED ? 'not live' : 'reconnecting'));
    source.addEventListener('step', (event) => step(JSON.parse(event.data)));
    source.addEventListener('look', () => look());
  };
  const turn = () => {
    if (document.hidden) source?.close();
    else if (!source || source.readyState === EventSource.CLOSED) open();
  };
  document.addEventListener('visibilitychange', turn);
  window.addEventListener('pagehide', () => source?.close());
  window.addEventListener('pageshow', turn);
  turn();
}
