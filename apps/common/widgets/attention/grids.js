// Two runs side by side: the same head and the same place in another shape.

import { clampIndex, patchPlace } from '../shared/geometry.js';

/** Whether two shapes have the same tokens in the same places. */
export function sameGrid(a, b) {
  return a.rows === b.rows && a.cols === b.cols && a.frames === b.frames && a.nPrefix === b.nPrefix
    && String(a.prefixNames) === String(b.prefixNames);
}

/** The token of `to` that stands where `token` stands in `from`: a prefix token of the same name, or the nearest patch; else null. */
export function placeIn(from, to, token) {
  if (token === null || token === undefined) return null;
  if (token < from.nPrefix) {
    const found = to.prefixNames.indexOf(from.prefixNames[token]);
    return found < 0 ? null : found;
  }
  const { frame, row, col } = patchPlace(from, token - from.nPrefix);
  const scaled = (i, n, wanted) => clampIndex(Math.floor(((i + 0.5) / n) * wanted), wanted);
  const place = scaled(frame, from.frames, to.frames) * to.rows + scaled(row, from.rows, to.rows);
  return to.nPrefix + place * to.cols + scaled(col, from.cols, to.cols);
}

/** One sentence where the second run cannot show exactly what the first one shows; null where it can. */
export function compareNote(a, b, shownA, shownB) {
  const notes = [];
  if (!sameGrid(a, b)) {
    notes.push(`the second has ${b.rows}×${b.cols} patches where the first has ${a.rows}×${a.cols}, so the nearest patch is shown`);
  }
  if (shownA.layer !== shownB.layer) notes.push(`the second has only ${b.nLayers} layers, so its layer ${shownB.layer} is shown`);
  if (Number.isInteger(shownA.unit) && shownA.unit !== shownB.unit) {
    notes.push(Number.isInteger(shownB.unit) ? `the second has only ${b.nHeads} heads, so its head ${shownB.unit} is shown` : 'the second has no such unit');
  }
  if (!notes.length) return null;
  const text = notes.join('; ');
  return `${text.charAt(0).toUpperCase()}${text.slice(1)}.`;
}
