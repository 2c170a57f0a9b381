// What is kept in this browser. Where nothing may be kept, it lasts as long as the page.

const kept = new Map();

export function read(name, otherwise) {
  try {
    return { ...otherwise, ...JSON.parse(localStorage.getItem(`moderation.${name}`) ?? '{}') };
  } catch {
    return { ...otherwise, ...kept.get(name) };
  }
}

export function write(name, value) {
  kept.set(name, value);
  try {
    localStorage.setItem(`moderation.${name}`, JSON.stringify(value));
  } catch {
    // kept above
  }
}

const USUAL = { theme: 'auto', cover: true, keys: true, rest: 50 };
export const prefs = () => read('prefs', USUAL);
export const change = (changes) => write('prefs', { ...prefs(), ...changes });
