import assert from 'node:assert/strict';
import { test } from 'node:test';

import { flipRequest } from '../../apps/common/widgets/patching/flipcard.js';
import { initialPatching, patchingStep, patchingView, toldCell, toldPanel, wantedKey } from '../../apps/common/widgets/patching/state.js';

const HEADS = [['layer', 'head'], ['layer', 'token'], ['head', 'token']];
const SHAPE = { rows: 3, cols: 4, nPrefix: 1, prefixNames: ['CLS'], nTokens: 13, nLayers: 5, nHeads: 4,
  sites: [{ id: 'z', by: HEADS }, { id: 'mlp_out', by: [['layer', 'token']] }] };
const steps = (state, ...actions) => actions.reduce((now, action) => patchingStep(now, action, SHAPE), state);
const START = steps(initialPatching(), { type: 'fit' });

test('pointing tells, a click keeps, Esc lets go', () => {
  const over = steps(START, { type: 'hover', cell: [1, 2], panel: 'noise' });
  assert.deepEqual(toldCell(over), [1, 2]);
  assert.equal(toldPanel(over), 'noise');
  const kept = steps(over, { type: 'cell', cell: [1, 2] }, { type: 'hover', cell: null });
  assert.deepEqual(toldCell(kept), [1, 2]);
  assert.equal(toldCell(steps(kept, { type: 'escape' })), null);
  assert.equal(toldPanel(steps(over, { type: 'show', value: 'denoise' })), 'denoise', 'a panel that is not shown tells nothing');
});

test('nothing changes: the same object', () => {
  assert.equal(steps(START, { type: 'hover', cell: null }), START);
  assert.equal(steps(START, { type: 'show', value: 'everything' }), START);
  assert.equal(steps(START, { type: 'by', value: 'token,token' }), START);
  assert.throws(() => steps(START, { type: 'dance' }), /no step/);
});

test('a site keeps the map where it can, and the cell never points beside it', () => {
  const cell = steps(START, { type: 'cell', cell: [4, 3] });
  const mlp = steps(cell, { type: 'site', value: 'mlp_out' });
  assert.deepEqual([mlp.by, mlp.cell], ['layer,token', null]);
  assert.equal(steps(mlp, { type: 'by', value: 'layer,head' }), mlp, 'an MLP has no heads');
  const heads = steps(START, { type: 'by', value: 'head,token' });
  assert.equal(heads.layer, 4, 'a map of one layer begins at the last');
  assert.equal(steps(heads, { type: 'layer', value: 99 }).layer, 4);
});

test('arrows walk over the matrix and, over patches, within the picture', () => {
  const first = steps(START, { type: 'moveCell', key: 'ArrowUp' });
  assert.deepEqual(first.cell, [4, 0], 'the first key only enters');
  assert.deepEqual(steps(first, { type: 'moveCell', key: 'ArrowUp' }, { type: 'moveCell', key: 'ArrowRight' }).cell, [3, 1]);
  assert.deepEqual(steps(first, { type: 'moveCell', key: 'End' }, { type: 'moveCell', key: 'ArrowRight' }).cell, [4, 3], 'edges hold');
  assert.deepEqual(steps(first, { type: 'moveCell', key: 'PageUp' }).cell, [3, 0]);
  const tokens = steps(START, { type: 'by', value: 'layer,token' }, { type: 'cell', cell: [2, 1] });
  assert.deepEqual(steps(tokens, { type: 'moveCell', key: 'ArrowDown' }).cell, [2, 5]);
  assert.deepEqual(steps(tokens, { type: 'moveCell', key: 'ArrowUp' }).cell, [2, 0], 'above the first row lies CLS');
  assert.deepEqual(steps(tokens, { type: 'moveCell', key: 'ArrowDown', firstToken: 1 }).cell, [2, 5], 'without CLS columns are patches');
  assert.deepEqual(steps(tokens, { type: 'moveCell', key: 'PageDown' }).cell, [3, 1]);
});

test('chips are put in, taken out and replaced', () => {
  const chip = { site: 'z', layer: 4, head: 2, token: 'cls' };
  const one = steps(START, { type: 'toggle', chip: { ...chip, label: 'x' } });
  assert.deepEqual(one.chips, [chip]);
  assert.deepEqual(steps(one, { type: 'toggle', chip }).chips, []);
  assert.deepEqual(steps(one, { type: 'remove', key: 'z.4.2.cls' }).chips, []);
  assert.equal(steps(one, { type: 'remove', key: 'z.4.3.cls' }), one);
  assert.deepEqual(steps(one, { type: 'chips', chips: [] }).chips, []);
});

test('a view comes back as it went, and what is wrong in it is left out', () => {
  const state = steps(START, { type: 'by', value: 'head,token' }, { type: 'layer', value: 3 }, { type: 'cell', cell: [1, 12] }, { type: 'show', value: 'noise' },
    { type: 'scale', value: 'raw' }, { type: 'plot', value: 'rank' }, { type: 'evolutionToken', value: 7 });
  const view = patchingView(state);
  assert.deepEqual(patchingView(steps(START, { type: 'restore', view })), view);
  const wrong = steps(START, { type: 'restore', view: { site: 'nothing', by: 'x,y', layer: 99, token: 'here', show: 3, cell: [9, 9], evolution_token: 1e6 } });
  assert.deepEqual([wrong.site, wrong.by, wrong.token, wrong.show, wrong.cell, wrong.evolutionToken], ['z', 'layer,head', 'all', 'both', null, 12]);
  assert.equal(steps(START, { type: 'restore', view: {} }), START);
});

test('a model without CLS is asked about all tokens', () => {
  const shape = { ...SHAPE, nPrefix: 0, prefixNames: [], nTokens: 12 };
  const state = patchingStep(initialPatching(), { type: 'fit' }, shape);
  assert.equal(state.token, 'all');
  assert.deepEqual(flipRequest(state, shape), { site: 'z', by: ['layer', 'head'], token: 'all' });
});

test('only what the map depends on asks for another one', () => {
  assert.equal(wantedKey(START), wantedKey({ ...START, layer: 2, show: 'noise', cell: [0, 0] }));
  assert.notEqual(wantedKey(START), wantedKey({ ...START, token: 'all' }));
  const ofLayer = { ...START, by: 'head,token', layer: 1 };
  assert.equal(wantedKey(ofLayer), wantedKey({ ...ofLayer, token: 'all' }));
  assert.notEqual(wantedKey(ofLayer), wantedKey({ ...ofLayer, layer: 2 }));
});

test('the search goes by heads, or by the cells of the map', () => {
  assert.deepEqual(flipRequest(START, SHAPE), { site: 'z', by: ['layer', 'head'], token: 'cls' });
  assert.deepEqual(flipRequest({ ...START, site: 'mlp_out', by: 'layer,token', among: 'all' }, SHAPE), { site: 'z', by: ['layer', 'head'], token: 'all' });
  assert.deepEqual(flipRequest({ ...START, site: 'mlp_out', by: 'layer,token', among: 'map' }, SHAPE), { site: 'mlp_out', by: ['layer', 'token'], token: 'all' });
});
