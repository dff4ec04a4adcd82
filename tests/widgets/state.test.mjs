import assert from 'node:assert/strict';
import { test } from 'node:test';

import { initialState, reduce, shownLayer, shownToken, viewOf } from '../../apps/common/widgets/lens/state.js';

const SHAPE = { rows: 4, cols: 4, nPrefix: 1, nTokens: 17, nLayers: 5, nClasses: 10, hasMask: true };
const after = (...actions) => actions.reduce((state, action) => reduce(state, action, SHAPE), initialState());
const hover = (token) => ({ type: 'hover', token });
const lock = (token) => ({ type: 'lock', token });

test('hovering previews, leaving takes it back', () => {
  assert.equal(shownToken(after(hover(3))), 3);
  assert.equal(shownToken(after(hover(3), hover(null))), null);
});

test('a click locks: hovering elsewhere does not change what is shown; a second click unlocks', () => {
  assert.equal(shownToken(after(lock(3), hover(7))), 3);
  assert.equal(after(lock(3), lock(3)).locked, null);
  assert.equal(after(lock(3), lock(7)).locked, 7);
});

test('Esc clears lock, preview and highlight', () => {
  const state = after(lock(3), { type: 'pin', index: 2 }, { type: 'peek', layer: 1 }, { type: 'clear' });
  assert.deepEqual([state.locked, state.hover, state.peekLayer, state.pinned], [null, null, null, null]);
});

test('a change of layer keeps the lock', () => {
  const state = after(lock(3), { type: 'stepLayer', by: 1 }, { type: 'layer', layer: 4 });
  assert.deepEqual([state.locked, state.layer], [3, 4]);
});

test('layers hold at both ends', () => {
  assert.equal(after({ type: 'stepLayer', by: -1 }).layer, 0);
  assert.equal(after({ type: 'layer', layer: 99 }).layer, 4);
});

test('arrows move the preview, or the lock where there is one, and hold at the edges', () => {
  assert.equal(after({ type: 'move', key: 'ArrowDown' }).hover, 1);
  assert.equal(after(lock(16), { type: 'move', key: 'ArrowRight' }).locked, 16);
  assert.equal(after(lock(15), { type: 'move', key: 'ArrowRight' }).locked, 16);
  assert.equal(after(hover(2), { type: 'move', key: 'ArrowUp' }).hover, 0, 'from the first row to CLS');
});

test('Enter and Space lock what is previewed and unlock again', () => {
  assert.equal(after(hover(5), { type: 'toggleLock' }).locked, 5);
  assert.equal(after(hover(5), { type: 'toggleLock' }, { type: 'toggleLock' }).locked, null);
  assert.equal(after({ type: 'toggleLock' }).locked, null);
});

test('the table previews layer and patch together and chooses both', () => {
  const previewed = after({ type: 'layer', layer: 1 }, { type: 'preview', layer: 3, token: 6 });
  assert.deepEqual([shownLayer(previewed), previewed.layer, shownToken(previewed)], [3, 1, 6]);
  const left = reduce(previewed, { type: 'preview', layer: null, token: null }, SHAPE);
  assert.deepEqual([shownLayer(left), shownToken(left)], [1, null]);
  const chosen = after({ type: 'choose', layer: 3, token: 6 });
  assert.deepEqual([chosen.layer, chosen.locked, chosen.peekLayer], [3, 6, null]);
});

test('playing starts again at the end, goes round, and stops when a layer is chosen', () => {
  const started = after({ type: 'layer', layer: 4 }, { type: 'play' });
  assert.deepEqual([started.playing, started.layer], [true, 0]);
  assert.equal(after({ type: 'layer', layer: 3 }, { type: 'play' }, { type: 'tick' }, { type: 'tick' }).layer, 0);
  assert.equal(after({ type: 'play' }, { type: 'layer', layer: 2 }).playing, false);
  assert.equal(after({ type: 'tick' }).layer, 0, 'a late tick after a pause does nothing');
});

test('searching shows the class map; clearing goes back to emoji', () => {
  assert.deepEqual([after({ type: 'search', index: 4 }).overlay, after({ type: 'search', index: 4 }).search], ['search', 4]);
  assert.equal(after({ type: 'search', index: 4 }, { type: 'search', index: null }).overlay, 'emoji');
  assert.equal(after({ type: 'search', index: 99 }).search, null);
});

test('a view is restored, and nothing out of range gets in', () => {
  const view = { layer: 2, token: 5, color: 'logit', opacity: 0.4, least: 0.25, search: 7, names: true, overlay: 'search', measure: 'rank' };
  assert.deepEqual(viewOf(after({ type: 'restore', view })), view);
  const wild = { layer: 99, token: 400, color: 'red', opacity: 9, least: -2, search: -1, names: 'yes', overlay: 'search', measure: 'guess' };
  assert.deepEqual(viewOf(after({ type: 'restore', view: wild })),
    { layer: 4, token: null, color: 'class', opacity: 1, least: 0, search: null, names: false, overlay: 'emoji', measure: 'probability' });
});

test('fields that a view leaves out stay as they are', () => {
  const state = after({ type: 'color', value: 'probability' }, lock(3), { type: 'restore', view: { layer: 1 } });
  assert.deepEqual([state.color, state.locked, state.layer], ['probability', 3, 1]);
});

test('another picture keeps what still fits', () => {
  const state = after(lock(16), { type: 'layer', layer: 4 }, { type: 'overlay', value: 'mask' });
  const small = { ...SHAPE, rows: 2, cols: 2, nTokens: 5, nLayers: 3, hasMask: false };
  const fitted = reduce(state, { type: 'fit' }, small);
  assert.deepEqual([fitted.layer, fitted.locked, fitted.overlay], [2, null, 'emoji']);
});

test('a step that changes nothing returns the same state, an unknown one is an error', () => {
  const state = initialState();
  assert.equal(reduce(state, hover(null), SHAPE), state);
  assert.equal(reduce(state, { type: 'color', value: 'red' }, SHAPE), state);
  assert.throws(() => reduce(state, { type: 'fly' }, SHAPE), /no step "fly"/);
});
