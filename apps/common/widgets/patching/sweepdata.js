// A sweep as numbers to draw: how far each cell moves the answer, which cells flip it, and where the two directions disagree.

import { plainToken } from './places.js';

const AGREES_FROM = 0.1;
const AGREES_TO = 0.05;
const LEAST_RANGE = 0.02;

/** The rule by which cells are marked, in words. */
export const DISAGREE_RULE = 'one direction moves the answer by 10 % of the way or more, the other by less than 5 %';

/** The two axes of "layer,head", "layer,token" or "head,token". */
export function axesOf(by) {
  return Array.isArray(by) ? by : by.split(',');
}

/** How many cells an axis has. */
export function axisLength(shape, axis) {
  return { layer: shape.nLayers, head: shape.nHeads, token: shape.nTokens }[axis];
}

/** Whether a sweep is what the controls ask for. */
export function isWanted(sweep, wanted, shape) {
  if (!sweep || sweep.site !== wanted.site || axesOf(sweep.by).join() !== wanted.by) return false;
  const axes = axesOf(wanted.by);
  if (!axes.includes('layer') && sweep.layer !== wanted.layer) return false;
  return axes.includes('token') || plainToken(shape, sweep.token) === plainToken(shape, wanted.token);
}

/** What a sweep event asks for: the layer only where the map is of one layer, the token only where the map has no tokens. */
export function sweepRequest({ site, by, layer, token }) {
  const axes = axesOf(by);
  return { site, by: axes, layer: axes.includes('layer') ? null : layer, token: axes.includes('token') ? 'all' : token };
}

function flat(rows, size) {
  const out = new Float64Array(size).fill(NaN);
  rows?.forEach((row, i) => row.forEach((value, j) => {
    if (Number.isFinite(value)) out[i * row.length + j] = value;
  }));
  return out;
}

/**
 * How far a patched run has moved: 0 as it was, 1 as the other run; NaN where both runs are alike.
 *
 * Denoising begins at the corrupt run and moves towards the clean one, noising the other way.
 */
export function movedShare(direction, metric, clean, corrupt) {
  const way = clean - corrupt;
  if (Math.abs(way) <= 1e-6 * Math.max(Math.abs(clean), Math.abs(corrupt))) return NaN;
  return (direction === 'noise' ? (clean - metric) / way : (metric - corrupt) / way) + 0; // no negative zero
}

/** Whether a patched run is on the other side of 0 than the run it began as, as the source of the patch is. */
export function hasFlipped(direction, metric, clean, corrupt) {
  const [source, target] = direction === 'noise' ? [corrupt, clean] : [clean, corrupt];
  return Number.isFinite(metric) && Math.sign(source) !== Math.sign(target) && Math.sign(metric) === Math.sign(source);
}

/** Whether one direction says that a cell matters and the other says that it does not; false where either is unknown. */
export function disagrees(denoise, noise) {
  if (!Number.isFinite(denoise) || !Number.isFinite(noise)) return false;
  const [more, less] = Math.abs(denoise) >= Math.abs(noise) ? [denoise, noise] : [noise, denoise];
  return Math.abs(more) >= AGREES_FROM && less * Math.sign(more) < AGREES_TO;
}

function largest(...lists) {
  let most = LEAST_RANGE;
  for (const list of lists) for (const value of list) if (Math.abs(value) > most) most = Math.abs(value);
  return most;
}

/**
 * A sweep as flat lists over its cells, in row-major order.
 *
 * `raw` and `moved` hold denoise, noise and preview; NaN where nothing was computed. `range` is what the colours span, ± of the
 * way from one run to the other. `firstToken` is the token of the first column where the columns are tokens.
 */
export function readSweep(sweep, shape) {
  const [rowAxis, colAxis] = axesOf(sweep.by);
  const known = [sweep.denoise, sweep.noise, sweep.preview].find((rows) => rows?.length);
  const rows = known?.length ?? axisLength(shape, rowAxis);
  const cols = known?.[0]?.length ?? axisLength(shape, colAxis);
  const { clean, corrupt } = sweep;
  const raw = Object.fromEntries(['denoise', 'noise', 'preview'].map((name) => [name, flat(sweep[name], rows * cols)]));
  const moved = Object.fromEntries(Object.entries(raw).map(([name, values]) => [name, values.map((v) => movedShare(name, v, clean, corrupt))]));
  const firstToken = colAxis === 'token' && cols === shape.nTokens - shape.nPrefix ? shape.nPrefix : 0;
  return { sweep, rowAxis, colAxis, rows, cols, firstToken, clean, corrupt, raw, moved, range: largest(...Object.values(moved)),
    conflicts: moved.denoise.map((value, i) => (disagrees(value, moved.noise[i]) ? 1 : 0)) };
}

/** What is drawn in a cell of a panel: {value, raw, isEstimate}; denoising shows its estimate until the exact number is there. */
export function shownCell(data, direction, index) {
  const isExact = Number.isFinite(data.moved[direction][index]);
  if (isExact || direction === 'noise') return { value: data.moved[direction][index], raw: data.raw[direction][index], isEstimate: direction === 'preview' };
  return { value: data.moved.preview[index], raw: data.raw.preview[index], isEstimate: true };
}

/** The chip that a cell stands for. */
export function chipOfCell(data, [i, j]) {
  const { sweep, rowAxis, colAxis, firstToken } = data;
  const at = (axis) => (rowAxis === axis ? i : colAxis === axis ? j + (axis === 'token' ? firstToken : 0) : null);
  return { site: sweep.site, layer: at('layer') ?? sweep.layer ?? null, head: at('head'), token: at('token') ?? sweep.token ?? 'all' };
}

/** The cells with the largest values in a panel, best first: indices; towards the other run only. */
export function bestCells(data, direction, count) {
  const values = Array.from({ length: data.rows * data.cols }, (_, index) => shownCell(data, direction, index).value);
  return values.map((value, index) => ({ value, index })).filter(({ value }) => value > AGREES_FROM)
    .sort((a, b) => b.value - a.value).slice(0, count).map(({ index }) => index);
}

/** How many cells are marked. */
export function countConflicts(data) {
  return data.conflicts.reduce((sum, mark) => sum + mark, 0);
}
