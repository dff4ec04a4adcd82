// What the visitor sees and asks for, as one plain object, and every step that changes it. No drawing, no fetching.

import { clampIndex, moveToken } from '../shared/geometry.js';
import { bareChip, chipKey, plainToken, toggledChips } from './places.js';
import { axesOf, axisLength } from './sweepdata.js';

const CHOICES = {
  show: ['denoise', 'noise', 'both', 'preview'], scale: ['normalised', 'raw'], plot: ['logit', 'rank', 'difference'],
  among: ['cls', 'all', 'map'], paint: ['attention', 'attribution'], panel: ['denoise', 'noise', 'preview'],
};
const ARROWS = { ArrowLeft: [0, -1], ArrowRight: [0, 1], ArrowUp: [-1, 0], ArrowDown: [1, 0], Home: [0, -Infinity], End: [0, Infinity] };

/** The state before a visitor has touched anything. */
export function initialPatching() {
  return { site: 'z', by: 'layer,head', layer: null, token: 'cls', show: 'both', scale: 'normalised', plot: 'logit', evolutionToken: 0,
    cell: null, hover: null, chips: [], reads: null, paint: 'attention', among: 'cls', panel: 'denoise' };
}

/** Which run a cell is told of in: that of the panel it was pointed at in, where that panel is shown. */
export function toldPanel({ show, panel }) {
  if (show !== 'both') return show;
  return panel === 'preview' ? 'denoise' : panel;
}

/** The cell that is told of: one under the pointer, else the chosen one. */
export function toldCell(state) {
  return state.hover ?? state.cell;
}

function maps(shape, site) {
  return (shape.sites.find(({ id }) => id === site)?.by ?? []).map((axes) => axes.join());
}

function tokenOf(shape, token) {
  if (token === 'cls') return shape.nPrefix ? 'cls' : 'all';
  if (token === 'all' || token === 'patches') return token;
  return Number.isInteger(token) && token >= 0 && token < shape.nTokens ? plainToken(shape, token) : null;
}

function cellIn(state, shape, cell) {
  if (!Array.isArray(cell)) return null;
  const [rows, cols] = axesOf(state.by).map((axis) => axisLength(shape, axis));
  const [i, j] = cell;
  return Number.isInteger(i) && Number.isInteger(j) && i >= 0 && j >= 0 && i < rows && j < cols ? [i, j] : null;
}

// Whatever was asked for, kept within what this model offers.
function fit(state, shape) {
  if (!shape.sites.length) return state;
  const site = shape.sites.some(({ id }) => id === state.site) ? state.site : shape.sites[0].id;
  const by = maps(shape, site).includes(state.by) ? state.by : maps(shape, site)[0] ?? state.by;
  const isOfLayer = !axesOf(by).includes('layer');
  const layer = isOfLayer ? clampIndex(state.layer ?? shape.nLayers - 1, shape.nLayers) : state.layer;
  const token = tokenOf(shape, state.token) ?? 'all';
  const next = { ...state, site, by, layer, token, evolutionToken: clampIndex(state.evolutionToken, shape.nTokens), hover: null };
  return { ...next, cell: cellIn(next, shape, state.cell) };
}

function restored(state, view, shape) {
  const next = { ...state };
  for (const [name, allowed] of Object.entries(CHOICES)) if (allowed.includes(view[name])) next[name] = view[name];
  if (typeof view.site === 'string') next.site = view.site;
  if (view.by) next.by = axesOf(view.by).join();
  if (Number.isInteger(view.layer)) next.layer = view.layer;
  if (view.token !== undefined && view.token !== null) next.token = view.token;
  if (Number.isInteger(view.evolution_token)) next.evolutionToken = view.evolution_token;
  const fitted = fit({ ...next, cell: null }, shape);
  return { ...fitted, cell: 'cell' in view ? cellIn(fitted, shape, view.cell) : cellIn(fitted, shape, state.cell) };
}

// Arrows walk within a picture where columns are tokens, and over the matrix elsewhere; PageUp and PageDown change the row.
function moved(state, key, shape, firstToken) {
  const [rowAxis, colAxis] = axesOf(state.by);
  const [rows, cols] = [axisLength(shape, rowAxis), axisLength(shape, colAxis) - firstToken];
  const start = toldCell(state);
  if (!start) return { ...state, cell: [rows - 1, 0] };
  const paged = { PageUp: -1, PageDown: 1 }[key];
  if (paged) return { ...state, hover: null, cell: [clampIndex(start[0] + paged, rows), start[1]] };
  if (colAxis === 'token') {
    const token = moveToken({ ...shape, nPrefix: firstToken ? 0 : shape.nPrefix }, start[1], key);
    return { ...state, hover: null, cell: [start[0], token] };
  }
  const [down, across] = ARROWS[key] ?? [0, 0];
  return { ...state, hover: null, cell: [clampIndex(start[0] + down, rows), clampIndex(start[1] + across, cols)] };
}

function readsOf({ layer, head }, shape) {
  if (!Number.isInteger(layer) || !Number.isInteger(head)) return null;
  return { layer: clampIndex(layer, shape.nLayers), head: clampIndex(head, shape.nHeads) };
}

const MOVES = {
  fit: (state, _, shape) => fit(state, shape),
  restore: (state, { view }, shape) => restored(state, view, shape),
  site: (state, { value }, shape) => fit({ ...state, site: value, cell: null }, shape),
  by: (state, { value }, shape) => (maps(shape, state.site).includes(value) ? fit({ ...state, by: value, cell: null }, shape) : state),
  layer: (state, { value }, shape) => ({ ...state, layer: clampIndex(value, shape.nLayers) }),
  token: (state, { value }, shape) => ({ ...state, token: tokenOf(shape, value) ?? state.token }),
  evolutionToken: (state, { value }, shape) => ({ ...state, evolutionToken: clampIndex(value, shape.nTokens) }),
  hover: (state, { cell, panel }) => ({ ...state, hover: cell, panel: panel ?? state.panel }),
  cell: (state, { cell, panel }) => ({ ...state, cell, hover: null, panel: panel ?? state.panel }),
  moveCell: (state, { key, firstToken = 0 }, shape) => moved(state, key, shape, firstToken),
  toggle: (state, { chip }, shape) => ({ ...state, chips: toggledChips(shape, state.chips, bareChip(chip)) }),
  remove: (state, { key }, shape) => ({ ...state, chips: state.chips.filter((chip) => chipKey(shape, chip) !== key) }),
  chips: (state, { chips }) => ({ ...state, chips: chips.map(bareChip) }),
  reads: (state, { head }, shape) => ({ ...state, reads: readsOf(head, shape) ?? state.reads }),
  escape: (state) => ({ ...state, cell: null, hover: null }),
};

function alike(a, b) {
  return a === b || (a !== null && b !== null && typeof a === 'object' && typeof b === 'object' && JSON.stringify(a) === JSON.stringify(b));
}

/**
 * The state after an action {type, …}; the same object where nothing changes.
 *
 * shape is that of `patchShape`. Pointing tells of a cell, `cell` chooses it, `toggle` puts its chip in or takes it out.
 */
export function patchingStep(state, action, shape) {
  const choice = CHOICES[action.type];
  const step = MOVES[action.type];
  if (!choice && !step) throw new Error(`there is no step "${action.type}"`);
  if (choice && !choice.includes(action.value)) return state;
  const next = choice ? { ...state, [action.type]: action.value } : step(state, action, shape);
  return Object.keys(next).every((key) => alike(next[key], state[key])) ? state : next;
}

/** The part of the state that a link restores. */
export function patchingView({ site, by, layer, token, show, scale, plot, evolutionToken, cell }) {
  return { site, by, layer, token, show, scale, plot, evolution_token: evolutionToken, cell };
}

/** What the map is asked for, as one text: two states with the same one need no new sweep. */
export function wantedKey({ site, by, layer, token }) {
  const axes = axesOf(by);
  return [site, by, axes.includes('layer') ? '' : layer, axes.includes('token') ? '' : token].join('|');
}
