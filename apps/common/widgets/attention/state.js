// What the visitor sees of a run, as one plain object, and every step that changes it. No drawing, no fetching.

import { clampIndex, moveToken } from '../shared/geometry.js';
import { KINDS } from './run.js';

const CHOICES = {
  kind: KINDS, scale: ['linear', 'log'], norm: ['row', 'matrix'], thumbs: ['matrix', 'from', 'to'],
  over: ['picture', 'dataset'], paint: ['from', 'to', 'both', 'lens'],
};
const WITHOUT_HEAD = ['mean', 'rollout'];

/** The state before a visitor has touched anything. */
export function initialTour() {
  return {
    layer: 0, unit: 0, lastHead: 0, locked: false, peek: null, token: null, hover: null, cell: null,
    kind: 'pattern', scale: 'linear', norm: 'row', thumbs: 'matrix', x: 'distance', y: 'entropy', over: 'picture', paint: 'both', opacity: 0.8,
  };
}

/** The head that is shown, {layer, unit}: one that the pointer previews, else the chosen one. */
export function shownHead(state) {
  return state.peek ?? state;
}

/** The token whose reading is painted: the one under the pointer, else the row of the matrix there, else the locked one. */
export function paintedToken(state) {
  return state.hover ?? state.cell?.query ?? state.token ?? null;
}

function tokenIn(value, shape) {
  return Number.isInteger(value) && value >= 0 && value < shape.nTokens ? value : null;
}

function atHead(state, { layer, unit }, shape) {
  const next = { ...state, peek: null, layer: clampIndex(layer, shape.nLayers) };
  if (Number.isInteger(unit)) next.unit = next.lastHead = clampIndex(unit, shape.nHeads);
  else if (unit === 'mean' || (unit === 'rollout' && shape.hasRollout)) next.unit = unit;
  if (next.unit === 'rollout') next.kind = 'pattern'; // a rollout is a product of patterns; nothing else is defined
  return next;
}

function lockHead(state, head, shape) {
  const same = state.locked && state.layer === head.layer && state.unit === head.unit;
  return same ? { ...state, locked: false } : { ...atHead(state, head, shape), locked: true };
}

function stepHead(state, by, shape) {
  if (Number.isInteger(state.unit)) return atHead(state, { layer: state.layer, unit: state.unit + by }, shape);
  return atHead(state, { layer: state.layer, unit: state.lastHead }, shape);
}

function moveHead(state, key, shape) {
  const unit = Number.isInteger(state.unit) ? state.unit : state.lastHead;
  const [across, down] = { ArrowLeft: [-1, 0], ArrowRight: [1, 0], ArrowUp: [0, -1], ArrowDown: [0, 1],
    Home: [-Infinity, 0], End: [Infinity, 0] }[key] ?? [0, 0];
  return atHead(state, { layer: state.layer + down, unit: clampIndex(unit + across, shape.nHeads) }, shape);
}

function movedToken(state, key, shape) {
  const next = moveToken(shape, state.token ?? state.hover, key);
  return state.token === null ? { ...state, hover: next, cell: null } : { ...state, token: next, hover: null, cell: null };
}

function movedCell(state, key, shape) {
  const start = paintedToken(state) ?? shape.nPrefix;
  const { query, key: at } = state.cell ?? { query: start, key: start };
  const [dq, dk] = { ArrowUp: [-1, 0], ArrowDown: [1, 0], ArrowLeft: [0, -1], ArrowRight: [0, 1],
    Home: [0, -Infinity], End: [0, Infinity] }[key] ?? [0, 0];
  const moved = state.cell === null ? { query, key: at }
    : { query: clampIndex(query + dq, shape.nTokens), key: clampIndex(at + dk, shape.nTokens) };
  return { ...state, cell: moved, hover: null, token: state.token === null ? null : moved.query };
}

function lockCell(state, cell) {
  const same = state.token === cell.query && state.cell?.key === cell.key && state.cell.query === cell.query;
  return { ...state, token: same ? null : cell.query, cell, hover: null };
}

function escaped(state, onWall) {
  const overToken = state.token !== null || state.hover !== null || state.cell !== null;
  if (onWall && (state.locked || state.peek)) return { ...state, locked: false, peek: null };
  if (overToken) return { ...state, token: null, hover: null, cell: null };
  return { ...state, locked: false, peek: null };
}

function fit(state, shape) {
  const head = atHead(state, { layer: state.layer, unit: Number.isInteger(state.unit) || shape.hasRollout ? state.unit : 'mean' }, shape);
  const metric = (id, other) => (shape.metrics.includes(id) ? id : shape.metrics[other] ?? shape.metrics[0] ?? null);
  return { ...head, hover: null, cell: null, token: tokenIn(state.token, shape), x: metric(state.x, 1), y: metric(state.y, 0),
    paint: state.paint === 'lens' && !shape.hasLens ? 'both' : state.paint,
    over: state.over === 'dataset' && !shape.hasTypes ? 'picture' : state.over };
}

function restored(state, view, shape) {
  const next = { ...state, peek: null };
  for (const [name, allowed] of Object.entries(CHOICES)) if (allowed.includes(view[name])) next[name] = view[name];
  if (Number.isInteger(view.layer)) next.layer = view.layer;
  if (Number.isInteger(view.unit) || WITHOUT_HEAD.includes(view.unit)) next.unit = view.unit;
  if (typeof view.locked === 'boolean') next.locked = view.locked;
  if ('token' in view) next.token = tokenIn(view.token, shape);
  for (const name of ['x', 'y']) if (shape.metrics.includes(view[name])) next[name] = view[name];
  if (Number.isFinite(view.opacity)) next.opacity = clampShare(view.opacity);
  return fit(next, shape);
}

function clampShare(value) {
  return Math.max(0, Math.min(1, value));
}

const MOVES = {
  fit: (state, _, shape) => fit(state, shape),
  restore: (state, { view }, shape) => restored(state, view, shape),
  peekHead: (state, { head }) => (state.locked ? { ...state, peek: null } : { ...state, peek: head }),
  head: (state, { head, lock }, shape) => ({ ...atHead(state, head, shape), locked: lock ?? state.locked }),
  lockHead: (state, { head }, shape) => lockHead(state, head, shape),
  toggleHead: (state, _, shape) => ({ ...atHead(state, shownHead(state), shape), locked: !state.locked }),
  moveHead: (state, { key }, shape) => moveHead(state, key, shape),
  stepLayer: (state, { by }, shape) => atHead(state, { layer: state.layer + by, unit: state.unit }, shape),
  stepHead: (state, { by }, shape) => stepHead(state, by, shape),
  unit: (state, { value }, shape) => atHead(state, { layer: state.layer, unit: value === 'head' ? state.lastHead : value }, shape),
  hover: (state, { token }) => ({ ...state, hover: token, cell: null }),
  lockToken: (state, { token }) => ({ ...state, token: state.token === token ? null : token, hover: token, cell: null }),
  toggleToken: (state) => ({ ...state, token: state.token === null ? paintedToken(state) : null, hover: state.token ?? state.hover }),
  moveToken: (state, { key }, shape) => movedToken(state, key, shape),
  cell: (state, { cell }) => ({ ...state, cell, hover: null }),
  lockCell: (state, { cell }) => lockCell(state, cell),
  moveCell: (state, { key }, shape) => movedCell(state, key, shape),
  clearToken: (state) => ({ ...state, token: null, hover: null, cell: null }),
  escape: (state, { onWall }) => escaped(state, onWall),
  metric: (state, { axis, id }, shape) => (shape.metrics.includes(id) ? { ...state, [axis]: id } : state),
  opacity: (state, { value }) => ({ ...state, opacity: clampShare(value) }),
};

/**
 * The state after an action {type, …}; the same object where nothing changes.
 *
 * shape = {rows, cols, frames, nPrefix, nTokens, nLayers, nHeads, hasRollout, hasLens, hasTypes, metrics}. Pointing previews,
 * a click locks, Esc releases; a locked patch survives every change of head and layer and comes back when the pointer leaves,
 * a locked head stays under the pointer.
 */
export function tourStep(state, action, shape) {
  const choice = CHOICES[action.type];
  const step = MOVES[action.type];
  if (!choice && !step) throw new Error(`there is no step "${action.type}"`);
  if (choice && !choice.includes(action.value)) return state;
  if (action.type === 'kind' && state.unit === 'rollout') return state; // a rollout has patterns only
  const next = choice ? { ...state, [action.type]: action.value } : step(state, action, shape);
  return Object.keys(next).every((key) => sameField(next[key], state[key])) ? state : next;
}

function sameField(a, b) {
  return a === b || (a !== null && b !== null && typeof a === 'object' && typeof b === 'object' && JSON.stringify(a) === JSON.stringify(b));
}

/** The part of the state that a link restores. */
export function tourView(state) {
  const { layer, unit, locked, token, kind, scale, norm, thumbs, x, y, over, paint, opacity } = state;
  return { layer, unit, locked, token, kind, scale, norm, thumbs, x, y, over, paint, opacity };
}
