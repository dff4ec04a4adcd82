// Parts of one run put into another: what each is called in an address, and the nearest set that was computed.

/** One part as an address has it: "z.3.1.cls". */
export function chipText({ site, layer, head, token }) {
  const at = token === 0 ? 'cls' : token;
  return [site.replaceAll('_', '-'), layer, head ?? 'x', at].join('.');
}

/** A list of parts, in one order however they were chosen. */
export function setText(chips) {
  return chips.map(chipText).sort().join('_');
}

/** The parts that an address names; what is not readable is left out. */
export function chipsOf(text) {
  return (text ?? '').split('_').filter(Boolean).map((part) => {
    const [site, layer, head, token] = part.split('.');
    return { site: site.replaceAll('-', '_'), layer: Number(layer), head: head === 'x' ? null : Number(head), token: /^\d+$/.test(token) ? Number(token) : token };
  }).filter(({ layer, token }) => Number.isInteger(layer) && token !== undefined);
}

/** Of these parts those that were tried together: all of them, else the newest alone, else none. */
export function knownSet(chips, rows) {
  return [chips, chips.slice(-1)].find((some) => rows.has(setText(some))) ?? [];
}
