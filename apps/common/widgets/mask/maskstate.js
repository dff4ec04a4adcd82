// The painter's state, as one plain object, and every step that changes it; undo included.

import { countPoints, FILLS, freshBox, grownShape, isTiny, MAX_POINTS, MAX_SHAPES, movedShape, snapped, thinned, tidyMaskShape, tidyShapes } from './shapes.js';

const REMEMBERED = 50;
const FINE = 0.25; // of a patch

/** The state before anything was painted. */
export function initialMask() {
  return { shapes: [], selected: null, fill: 'black', tool: 'box', radius: 0.06, snap: false, past: [] };
}

/** Why nothing can be added, or null. */
export function fullReason(shapes) {
  if (shapes.length >= MAX_SHAPES) return `${MAX_SHAPES} shapes are the most; remove one first`;
  return countPoints(shapes) >= MAX_POINTS ? 'The strokes are as long as they can be; remove one first' : null;
}

function changed(state, shapes, selected) {
  return { ...state, shapes, selected, past: [...state.past, state.shapes].slice(-REMEMBERED) };
}

function added(state, drawn, grid) {
  const shape = tidyMaskShape(drawn);
  if (!shape || isTiny(shape) || fullReason(state.shapes)) return { ...state, selected: null };
  const room = MAX_POINTS - countPoints(state.shapes);
  const kept = shape.kind === 'stroke' ? thinned(shape, room) : state.snap ? snapped(shape, grid) : shape;
  return changed(state, [...state.shapes, kept], state.shapes.length);
}

function replaced(state, index, shape, grid) {
  if (!state.shapes[index] || !shape) return state;
  const kept = state.snap ? snapped(shape, grid) : shape;
  return changed(state, state.shapes.map((other, i) => (i === index ? kept : other)), index);
}

function withoutShape(state, index) {
  if (!state.shapes[index]) return state;
  const shapes = state.shapes.filter((_, i) => i !== index);
  return changed(state, shapes, shapes.length ? Math.min(index, shapes.length - 1) : null);
}

function nudged(state, key, isGrowing, isFine, grid) {
  const shape = state.shapes[state.selected];
  const [dx, dy] = { ArrowLeft: [-1, 0], ArrowRight: [1, 0], ArrowUp: [0, -1], ArrowDown: [0, 1] }[key] ?? [0, 0];
  if (!shape || (!dx && !dy)) return state;
  const scale = isFine && !state.snap ? FINE : 1;
  const [x, y] = [(scale * dx) / grid[1], (scale * dy) / grid[0]];
  return replaced(state, state.selected, isGrowing ? grownShape(shape, x, y) : movedShape(shape, x, y), grid);
}

const MASK_STEPS = {
  take: (state, { shapes, fill }) => ({ ...state, shapes: tidyShapes(shapes), fill: FILLS.includes(fill) ? fill : state.fill, selected: null, past: [] }),
  add: (state, { shape }, grid) => added(state, shape, grid),
  fresh: (state, _, grid) => added(state, freshBox(state.shapes), grid),
  replace: (state, { index, shape }, grid) => replaced(state, index, shape, grid),
  remove: (state, { index }) => withoutShape(state, index ?? state.selected),
  clear: (state) => (state.shapes.length ? changed(state, [], null) : state),
  undo: (state) => (state.past.length ? { ...state, shapes: state.past.at(-1), past: state.past.slice(0, -1), selected: null } : state),
  select: (state, { index }) => ({ ...state, selected: state.shapes[index] ? index : null }),
  nudge: (state, { key, isGrowing, isFine }, grid) => nudged(state, key, isGrowing, isFine, grid),
  fill: (state, { value }) => (FILLS.includes(value) ? { ...state, fill: value } : state),
  tool: (state, { value }) => (['box', 'brush'].includes(value) ? { ...state, tool: value } : state),
  radius: (state, { value }) => ({ ...state, radius: Math.max(0.01, Math.min(0.25, value)) }),
  snap: (state, { value }) => ({ ...state, snap: Boolean(value) }),
};

/** The state after an action {type, …}; `grid` is [rows, columns] of the picture’s patches, which arrows go by. */
export function maskStep(state, action, grid) {
  const step = MASK_STEPS[action.type];
  if (!step) throw new Error(`there is no step "${action.type}"`);
  return step(state, action, grid);
}

/** What Tab selects next, forwards or backwards; null past the end, so that the focus goes on. */
export function nextShape({ shapes, selected }, isBackwards) {
  if (!shapes.length) return null;
  if (selected === null) return isBackwards ? null : 0;
  const next = selected + (isBackwards ? -1 : 1);
  return next >= 0 && next < shapes.length ? next : null;
}

/** What the page is told. */
export function maskValue({ shapes, fill }) {
  return { shapes, fill };
}
