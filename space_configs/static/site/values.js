// Values of widgets and other JSON of the site, with the addresses in them made whole.

const IS_LOCAL = /^\.{1,2}\//;

/** The same value, every address in it, which begins with "./" or "../", read from where the value lies. */
export function absolute(value, home) {
  if (typeof value === 'string') return IS_LOCAL.test(value) ? new URL(value, home).href : value;
  if (Array.isArray(value)) return value.map((each) => absolute(each, home));
  if (value === null || typeof value !== 'object') return value;
  return Object.fromEntries(Object.entries(value).map(([name, each]) => [name, absolute(each, home)]));
}

async function reply(url) {
  const found = await fetch(url);
  if (!found.ok) throw new Error(`${new URL(url).pathname} is not part of this site (status ${found.status}).`);
  return found;
}

/** JSON of the site. */
export async function fetchValue(url) {
  return absolute(await (await reply(url)).json(), url);
}

/** Bytes of the site. */
export async function fetchBuffer(url) {
  return (await reply(url)).arrayBuffer();
}

/** A function of one address that asks for each only once. */
export function once(load) {
  const known = new Map();
  return (url) => {
    if (!known.has(url)) known.set(url, load(url));
    return known.get(url);
  };
}
