// One run of a model: its shape, the names of its files, and what its units are called.

import { clampIndex } from '../shared/geometry.js';

/** What a visitor can look at: the pattern, what softmax made it from, their order compared, and what is really moved. */
export const KINDS = ['pattern', 'scores', 'rank', 'value'];
const WITH_LOG = ['pattern', 'value'];

/** The shape of a run: {rows, cols, frames, nPrefix, prefixNames, nTokens, nLayers, nHeads}. */
export function runShape(run) {
  const [rows, cols] = run.grid;
  const frames = run.frames ?? 1;
  return { rows, cols, frames, nPrefix: run.n_prefix, prefixNames: run.prefix_names, nTokens: run.n_prefix + frames * rows * cols,
    nLayers: run.n_layers, nHeads: run.n_heads };
}

/** True where a logarithm of this kind means something. */
export function hasLog(kind) {
  return WITH_LOG.includes(kind);
}

/** Name of a kind in file names: with "log_" before it on a logarithmic scale. */
export function fileKind(kind, scale) {
  return scale === 'log' && hasLog(kind) ? `log_${kind}` : kind;
}

/** A layer and a unit ("mean", "rollout" or a head), kept within what this run has. */
export function fitHead(run, { layer, unit }) {
  const fitted = unit === 'rollout' && !run.has_rollout ? 'mean' : unit;
  return { layer: clampIndex(layer, run.n_layers), unit: Number.isInteger(fitted) ? clampIndex(fitted, run.n_heads) : fitted };
}

/** The file that holds a unit's matrix, the place of the unit in it, and how many it holds: {name, index, count}. */
export function mapsFile(run, kind, { layer, unit }) {
  if (!Number.isInteger(unit)) return { name: `maps/${kind}/${layer}/${unit}`, index: 0, count: 1 };
  const each = run.heads_per_chunk;
  const chunk = Math.floor(unit / each);
  return { name: `maps/${kind}/${layer}/${chunk}`, index: unit % each, count: Math.min(each, run.n_heads - chunk * each) };
}

/** Whether a run can have this file: one that travels with its files holds those alone. */
export function hasFile(run, name) {
  return !run.files || name in run.files || Boolean(run.base);
}

function hasSome(run, test) {
  return !run.files || Boolean(run.base) || Object.keys(run.files).some(test);
}

/** Whether some matrix of this kind can be had. */
export function hasKind(run, kind) {
  return hasSome(run, (name) => name.startsWith(`maps/${kind}/`));
}

/** Whether some matrix of "mean" or "rollout" can be had. */
export function hasUnit(run, unit) {
  return (unit !== 'rollout' || Boolean(run.has_rollout)) && hasSome(run, (name) => name.startsWith('maps/') && name.endsWith(`/${unit}`));
}

/** Whether a single token can be shown in every head. */
export function hasTokens(run) {
  return hasSome(run, (name) => name.startsWith('token/'));
}

/** "layer 3, head 1", "layer 3, mean of all heads" or "rollout up to layer 3". */
export function unitWords({ layer, unit }) {
  if (unit === 'rollout') return `rollout up to layer ${layer}`;
  return `layer ${layer}, ${unit === 'mean' ? 'mean of all heads' : `head ${unit}`}`;
}

/** "L3 H1", where room is short. */
export function headShort(layer, head) {
  return `L${layer} H${head}`;
}

/**
 * Which cells a causal mask hides, as a function (query, key) → boolean; null where nothing is hidden.
 *
 * Patches read only patches before them in reading order; prefix tokens read, and are read by, everything unless
 * `prefix_sees_all` is false. A rollout multiplies layers, masked or not, so none of its cells is hidden.
 */
export function hiddenCells(run, { layer, unit }) {
  if (run.causal_from === null || run.causal_from === undefined || layer < run.causal_from || unit === 'rollout') return null;
  const free = run.prefix_sees_all === false ? 0 : run.n_prefix;
  return (query, key) => key > query && query >= free && key >= free;
}
