// What a head reads, as lists and sentences: the tokens with the largest values of a list.

import { tokenName } from '../shared/geometry.js';
import { formatMargin, formatPercent } from '../shared/format.js';

/** A value as it is written: a share of attention, or a contribution in logits. */
export function readText(paint, value) {
  return paint === 'attention' ? formatPercent(value) : formatMargin(value);
}

/** Tokens by magnitude, the strongest first: [{token, value}]; values of no size are left out. */
export function strongestReads(values, count) {
  return values.map((value, token) => ({ token, value: value ?? NaN })).filter(({ value }) => Math.abs(value) > 1e-6)
    .sort((x, y) => Math.abs(y.value) - Math.abs(x.value)).slice(0, count);
}

/** The range that strengths span on both pictures: the largest magnitude of any patch, or of all tokens where no patch has one. */
export function readRange(lists, nPrefix) {
  const most = (values, from) => values.slice(from).reduce((max, value) => Math.max(max, Math.abs(value ?? 0)), 0);
  const ofPatches = Math.max(...lists.map((values) => most(values, nPrefix)));
  return ofPatches || Math.max(1e-9, ...lists.map((values) => most(values, 0)));
}

/** Whose reading is shown: CLS where there is one, else the patches taken together. */
export function whoReads({ nPrefix, prefixNames }) {
  return nPrefix ? (prefixNames[0] ?? 'CLS') : 'The average patch';
}

/** What one picture shows, as a sentence. */
export function readsSentence(shape, paint, values) {
  const best = strongestReads(values, 3);
  if (!best.length) return 'Nothing at all.';
  const listed = best.map(({ token, value }) => `${tokenName(shape, token)} (${readText(paint, value)})`).join(', ');
  return paint === 'attention' ? `${whoReads(shape)} reads mostly ${listed}.` : `Adds most by what it read in ${listed}.`;
}
