import assert from 'node:assert/strict';
import { test } from 'node:test';

import { initialTour, paintedToken, shownHead, tourStep, tourView } from '../../apps/common/widgets/attention/state.js';

const SHAPE = { rows: 4, cols: 4, frames: 1, nPrefix: 1, nTokens: 17, nLayers: 5, nHeads: 3, hasRollout: true, hasLens: true, hasTypes: true,
  metrics: ['cls_mass', 'distance', 'entropy'] };
const from = (state, shape, ...actions) => actions.reduce((now, action) => tourStep(now, action, shape), state);
const after = (...actions) => from(initialTour(), SHAPE, ...actions);
const shown = (state) => [shownHead(state).layer, shownHead(state).unit];
const peek = (layer, unit) => ({ type: 'peekHead', head: { layer, unit } });
const lockHead = (layer, unit) => ({ type: 'lockHead', head: { layer, unit } });
const lockToken = (token) => ({ type: 'lockToken', token });

test('pointing at a head previews it, leaving takes it back', () => {
  assert.deepEqual(shown(after(peek(3, 2))), [3, 2]);
  assert.deepEqual(shown(after(peek(3, 2), { type: 'peekHead', head: null })), [0, 0]);
});

test('a click locks a head: pointing elsewhere changes nothing; a second click and Esc release it', () => {
  assert.deepEqual(shown(after(lockHead(3, 2), peek(1, 1))), [3, 2]);
  assert.deepEqual(shown(after(lockHead(3, 2), lockHead(3, 2), peek(1, 1))), [1, 1]);
  assert.deepEqual(shown(after(lockHead(3, 2), { type: 'escape', onWall: true }, peek(1, 1))), [1, 1]);
});

test('a locked patch survives every change of head and layer', () => {
  const state = after(lockToken(7), lockHead(3, 2), { type: 'stepLayer', by: 1 }, { type: 'stepHead', by: -1 }, { type: 'unit', value: 'mean' }, peek(0, 0));
  assert.equal(paintedToken(state), 7);
  const pointed = from(state, SHAPE, { type: 'hover', token: 3 });
  assert.deepEqual([paintedToken(pointed), pointed.token], [3, 7], 'pointing at another previews it and unlocks nothing');
  assert.equal(paintedToken(from(pointed, SHAPE, { type: 'hover', token: null })), 7, 'and leaving comes back');
  assert.equal(paintedToken(from(pointed, SHAPE, { type: 'moveToken', key: 'ArrowRight' })), 8, 'arrows walk from the locked patch');
});

test('Esc lets go of the patch first, then of the head; on the wall of the head first', () => {
  const both = after(lockHead(2, 1), lockToken(7));
  const once = from(both, SHAPE, { type: 'escape', onWall: false });
  assert.deepEqual([once.token, once.locked], [null, true]);
  assert.equal(from(once, SHAPE, { type: 'escape', onWall: false }).locked, false);
  const wall = from(both, SHAPE, { type: 'escape', onWall: true });
  assert.deepEqual([wall.token, wall.locked], [7, false]);
});

test('a row of the matrix is painted while pointed at, and a click locks its patch', () => {
  const pointed = after({ type: 'cell', cell: { query: 4, key: 9 } });
  assert.equal(paintedToken(pointed), 4);
  assert.equal(paintedToken(from(pointed, SHAPE, { type: 'cell', cell: null })), null);
  const locked = after({ type: 'lockCell', cell: { query: 4, key: 9 } });
  assert.equal(locked.token, 4);
  assert.equal(from(locked, SHAPE, { type: 'lockCell', cell: { query: 4, key: 9 } }).token, null);
});

test('arrows move patch, cell and head, and hold at the edges', () => {
  assert.equal(after({ type: 'moveToken', key: 'ArrowDown' }).hover, 1, 'the first patch');
  assert.equal(after(lockToken(1), { type: 'moveToken', key: 'ArrowRight' }).token, 2, 'a lock moves along');
  const cell = after(lockToken(5), { type: 'moveCell', key: 'ArrowDown' }, { type: 'moveCell', key: 'ArrowDown' }, { type: 'moveCell', key: 'End' });
  assert.deepEqual([cell.cell, cell.token], [{ query: 6, key: 16 }, 6]);
  assert.deepEqual(shown(after({ type: 'moveHead', key: 'ArrowDown' }, { type: 'moveHead', key: 'End' }, { type: 'moveHead', key: 'ArrowRight' })), [1, 2]);
  assert.deepEqual(shown(after({ type: 'moveHead', key: 'ArrowUp' }, { type: 'stepLayer', by: -3 }, { type: 'stepHead', by: -1 })), [0, 0]);
});

test('Enter on the wall keeps what is previewed', () => {
  const state = after(peek(3, 2), { type: 'toggleHead' });
  assert.deepEqual([shown(state), state.locked, state.lastHead], [[3, 2], true, 2]);
});

test('mean and rollout come back to the head that was left', () => {
  assert.deepEqual(shown(after(lockHead(3, 2), { type: 'unit', value: 'mean' }, { type: 'unit', value: 'head' })), [3, 2]);
  assert.deepEqual(shown(after(lockHead(3, 2), { type: 'unit', value: 'rollout' }, { type: 'stepHead', by: 1 })), [3, 2]);
});

test('a rollout has patterns only', () => {
  const rollout = after({ type: 'kind', value: 'scores' }, { type: 'unit', value: 'rollout' });
  assert.equal(rollout.kind, 'pattern');
  assert.equal(from(rollout, SHAPE, { type: 'kind', value: 'value' }).kind, 'pattern');
  assert.equal(from(rollout, SHAPE, { type: 'unit', value: 'mean' }, { type: 'kind', value: 'value' }).kind, 'value', 'the mean has all kinds');
  assert.equal(from(initialTour(), { ...SHAPE, hasRollout: false }, { type: 'unit', value: 'rollout' }).unit, 0);
});

test('another run keeps what fits it and drops the rest', () => {
  const state = after(lockHead(4, 2), lockToken(16), { type: 'paint', value: 'lens' }, { type: 'over', value: 'dataset' });
  const small = { ...SHAPE, nLayers: 2, nHeads: 1, nTokens: 10, hasLens: false, hasTypes: false, metrics: ['entropy'] };
  const next = from(state, small, { type: 'fit' });
  assert.deepEqual([next.layer, next.unit, next.token, next.paint, next.over, next.x, next.y], [1, 0, null, 'both', 'picture', 'entropy', 'entropy']);
  assert.deepEqual([from(state, SHAPE, { type: 'fit' }).token, from(state, SHAPE, { type: 'fit' }).paint], [16, 'lens']);
});

test('a view is restored, unknown and impossible fields are left as they were', () => {
  const view = { layer: 3, unit: 'mean', locked: true, token: 5, kind: 'scores', scale: 'log', norm: 'matrix', thumbs: 'to', x: 'entropy', y: 'cls_mass',
    over: 'dataset', paint: 'from', opacity: 0.4 };
  assert.deepEqual(tourView(after({ type: 'restore', view })), view);
  const odd = { layer: 'x', unit: 'all', token: 99, kind: 'nonsense', opacity: NaN, x: 'nothing', unheard: 1 };
  assert.deepEqual(tourView(after({ type: 'restore', view: odd })), tourView(initialTour()));
  assert.equal(after(lockToken(4), { type: 'restore', view: { layer: 2 } }).token, 4, 'a missing field keeps what the visitor has');
  assert.equal(after(lockToken(4), { type: 'restore', view: { token: null } }).token, null);
});

test('a step that changes nothing returns the same state, an unknown one is an error', () => {
  const state = after({ type: 'cell', cell: { query: 1, key: 2 } });
  assert.equal(tourStep(state, { type: 'cell', cell: { query: 1, key: 2 } }, SHAPE), state);
  assert.equal(tourStep(state, { type: 'kind', value: 'nonsense' }, SHAPE), state);
  assert.equal(tourStep(state, { type: 'metric', axis: 'x', id: 'nothing' }, SHAPE), state);
  assert.throws(() => tourStep(state, { type: 'dance' }, SHAPE), /no step "dance"/);
});
