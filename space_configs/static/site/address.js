// What the address says behind its "#": which picture, how it is looked at, and what else a page keeps there.

/** The fields of an address: {picture, view, …}; `view` is null where it is absent or not readable. */
export function readAddress(hash) {
  const fields = Object.fromEntries(new URLSearchParams(hash.replace(/^#/, '')));
  let view = null;
  try {
    view = fields.view ? JSON.parse(fields.view) : null;
  } catch {
    view = null;
  }
  return { ...fields, view: view && typeof view === 'object' ? view : null };
}

/** The text behind "#" that `readAddress` reads back; fields that are null or empty are left out. */
export function addressOf(fields) {
  const said = Object.entries(fields).filter(([, value]) => value !== null && value !== undefined && value !== '');
  const text = (value) => (typeof value === 'object' ? JSON.stringify(value) : String(value));
  return new URLSearchParams(said.map(([name, value]) => [name, text(value)])).toString();
}
