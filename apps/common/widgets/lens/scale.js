// From numbers to colours: which value colours a cell, over which range, and what the colour bar says.

import { mapColor } from '../shared/color.js';
import { formatLogit } from '../shared/format.js';
import { cellIndex, topClass, topLogit, topProbability } from '../shared/lensdata.js';

/** Lowest and highest value between the 1st and 99th percentile; `clipped` tells whether some lie outside. */
export function robustRange(values) {
  const sorted = Float32Array.from(values).filter(Number.isFinite).sort();
  if (!sorted.length) return { low: 0, high: 1, clipped: false };
  const at = (share) => sorted[Math.round(share * (sorted.length - 1))];
  const [low, high] = [at(0.01), at(0.99)];
  return { low, high: high > low ? high : low + 1, clipped: sorted[0] < low || sorted[sorted.length - 1] > high };
}

/** 1 for the top class, falling with the logarithm of the rank to 0 for the last. */
export function rankShade(rank, nClasses) {
  return nClasses < 2 ? 1 : 1 - Math.log(rank + 1) / Math.log(nClasses);
}

function logitScale(range, value) {
  return {
    unit: 'logits', term: 'logit',
    low: `${range.clipped ? '≤ ' : ''}${formatLogit(range.low)}`,
    high: `${range.clipped ? '≥ ' : ''}${formatLogit(range.high)}`,
    shade: (layer, token) => (value(layer, token) - range.low) / (range.high - range.low),
  };
}

function probabilityScale(value) {
  return { unit: 'probability', term: 'probability', low: '0 %', high: '100 %', shade: value };
}

function searchScale(lens, found, measure) {
  const at = (values) => (layer, token) => values[cellIndex(lens, layer, token)];
  if (measure === 'logit') return logitScale((found.range ??= robustRange(found.logit)), at(found.logit));
  if (measure === 'probability') return probabilityScale(at(found.probability));
  const rank = at(found.rank);
  const total = lens.meta.n_classes;
  return { unit: 'rank', term: 'rank', low: `${total} (last)`, high: '1 (first)', shade: (l, t) => rankShade(rank(l, t), total) };
}

/** The scale that colours cells in this state: {unit, low, high, shade(layer, token)}, or null where classes do. */
export function scaleFor(lens, state, found) {
  if (state.overlay === 'search' && found) return searchScale(lens, found, state.measure);
  if (state.overlay !== 'emoji' || state.color === 'class') return null;
  if (state.color === 'probability') return probabilityScale((l, t) => topProbability(lens, l, t));
  lens.logitRange ??= robustRange(lens.logits.filter((_, i) => i % lens.k === 0));
  return logitScale(lens.logitRange, (l, t) => topLogit(lens, l, t));
}

/** Function (layer, token) → CSS colour of that cell. */
export function colorsFor(lens, vocabulary, scale) {
  if (scale) return (layer, token) => mapColor(scale.shade(layer, token));
  return (layer, token) => vocabulary.colors[topClass(lens, layer, token)] ?? '#888888';
}
