// What was skipped in this tab is not offered again for a while.

const FOR = 10 * 60_000; // milliseconds
const MOST = 50;

function all() {
  try {
    return JSON.parse(sessionStorage.getItem('moderation.skipped') ?? '[]').filter(([, at]) => Date.now() - at < FOR);
  } catch {
    return [];
  }
}

function keep(list) {
  try {
    sessionStorage.setItem('moderation.skipped', JSON.stringify(list.slice(-MOST)));
  } catch {
    // then it may be offered again
  }
}

export const ids = () => all().map(([id]) => id);
export const add = (id) => keep([...all().filter(([known]) => known !== id), [id, Date.now()]]);
export const clear = () => keep([]);
