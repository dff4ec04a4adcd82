// What the visitor sees, as one plain object, and every step that changes it. No drawing, no fetching.

import { clampIndex, moveToken } from '../shared/geometry.js';

const VIEW_COLORS = ['class', 'logit', 'probability'];
const VIEW_OVERLAYS = ['emoji', 'search', 'mask'];
const MEASURES = ['probability', 'logit', 'rank'];

/** The state before a visitor has touched anything. */
export function initialState() {
  return {
    layer: 0, peekLayer: null, hover: null, locked: null, color: 'class', opacity: 0.8, least: 0, overlay: 'emoji', names: false,
    search: null, measure: 'probability', trace: 'probability', highlight: null, pinned: null,
    pixels: false, outline: false, large: false, playing: false, speed: 1,
  };
}

/** The layer that is shown: one that the pointer previews, else the chosen one. */
export function shownLayer(state) {
  return state.peekLayer ?? state.layer;
}

/** The token whose details are shown: the locked one, else the one under the pointer. */
export function shownToken(state) {
  return state.locked ?? state.hover;
}

function inRange(value, n) {
  return Number.isInteger(value) && value >= 0 && value < n ? value : null;
}

function share(value) {
  return Math.max(0, Math.min(1, value));
}

function restore(state, view, shape) {
  const next = { ...state, peekLayer: null, playing: false };
  if (Number.isInteger(view.layer)) next.layer = clampIndex(view.layer, shape.nLayers);
  if ('token' in view) next.locked = inRange(view.token, shape.nTokens);
  if (VIEW_COLORS.includes(view.color)) next.color = view.color;
  if (Number.isFinite(view.opacity)) next.opacity = share(view.opacity);
  if (Number.isFinite(view.least)) next.least = share(view.least);
  if ('search' in view) next.search = inRange(view.search, shape.nClasses);
  if (typeof view.names === 'boolean') next.names = view.names;
  if (VIEW_OVERLAYS.includes(view.overlay)) next.overlay = view.overlay;
  if (MEASURES.includes(view.measure)) next.measure = view.measure;
  return fitted(next, shape);
}

function fitted(state, shape) {
  const next = { ...state, layer: clampIndex(state.layer, shape.nLayers), hover: null, peekLayer: null,
    locked: inRange(state.locked, shape.nTokens), search: inRange(state.search, shape.nClasses), highlight: null, pinned: null };
  if (next.overlay === 'search' && next.search === null) next.overlay = 'emoji';
  if (next.overlay === 'mask' && !shape.hasMask) next.overlay = 'emoji';
  return next;
}

function moved(state, shape, key) {
  const token = moveToken(shape, shownToken(state), key);
  return state.locked === null ? { ...state, hover: token } : { ...state, locked: token };
}

function played(state, shape) {
  const atEnd = state.layer === shape.nLayers - 1;
  return { ...state, playing: !state.playing, peekLayer: null, layer: !state.playing && atEnd ? 0 : state.layer };
}

function searched(state, shape, index) {
  const search = inRange(index, shape.nClasses);
  const left = state.overlay === 'search' ? 'emoji' : state.overlay;
  return { ...state, search, overlay: search === null ? left : 'search', pixels: search === null && state.pixels };
}

function chosen(state, name, value, allowed) {
  return allowed.includes(value) ? { ...state, [name]: value } : state;
}

const STEPS = {
  restore: (state, { view }, shape) => restore(state, view, shape),
  fit: (state, _, shape) => fitted(state, shape),
  hover: (state, { token }) => ({ ...state, hover: token }),
  lock: (state, { token }) => ({ ...state, locked: state.locked === token ? null : token, hover: token }),
  toggleLock: (state) => (shownToken(state) === null ? state : { ...state, locked: state.locked === null ? state.hover : null }),
  clear: (state) => ({ ...state, locked: null, hover: null, peekLayer: null, highlight: null, pinned: null }),
  move: (state, { key }, shape) => moved(state, shape, key),
  layer: (state, { layer }, shape) => ({ ...state, layer: clampIndex(layer, shape.nLayers), peekLayer: null, playing: false }),
  stepLayer: (state, { by }, shape) => ({ ...state, layer: clampIndex(state.layer + by, shape.nLayers), peekLayer: null, playing: false }),
  peek: (state, { layer }) => (state.playing ? state : { ...state, peekLayer: layer }),
  preview: (state, { layer, token }) => ({ ...state, peekLayer: layer, hover: token, playing: state.playing && layer === null }),
  choose: (state, { layer, token }) => ({ ...state, layer, locked: token, hover: token, peekLayer: null, playing: false }),
  play: (state, _, shape) => played(state, shape),
  tick: (state, _, shape) => (state.playing ? { ...state, layer: (state.layer + 1) % shape.nLayers } : state),
  search: (state, { index }, shape) => searched(state, shape, index),
  color: (state, { value }) => chosen(state, 'color', value, VIEW_COLORS),
  overlay: (state, { value }) => ({ ...chosen(state, 'overlay', value, VIEW_OVERLAYS), pixels: false }),
  measure: (state, { value }) => chosen(state, 'measure', value, MEASURES),
  trace: (state, { value }) => chosen(state, 'trace', value, MEASURES.slice(0, 2)),
  opacity: (state, { value }) => ({ ...state, opacity: share(value) }),
  least: (state, { value }) => ({ ...state, least: share(value) }),
  speed: (state, { value }) => ({ ...state, speed: value }),
  toggle: (state, { name, value }) => ({ ...state, [name]: value ?? !state[name] }),
  highlight: (state, { index }) => ({ ...state, highlight: index }),
  pin: (state, { index }) => ({ ...state, pinned: state.pinned === index ? null : index }),
};

/**
 * The state after an action {type, …}; the same object where nothing changes.
 *
 * shape = {rows, cols, nPrefix, nTokens, nLayers, nClasses, hasMask}. Hovering previews, a click locks, Esc clears,
 * a lock survives a change of layer.
 */
export function reduce(state, action, shape) {
  const step = STEPS[action.type];
  if (!step) throw new Error(`there is no step "${action.type}"`);
  const next = step(state, action, shape);
  return Object.keys(next).every((key) => next[key] === state[key]) ? state : next;
}

/** The part of the state that a link restores. */
export function viewOf(state) {
  const { layer, locked, color, opacity, least, search, names, overlay, measure } = state;
  return { layer, token: locked, color, opacity, least, search, names, overlay, measure };
}
