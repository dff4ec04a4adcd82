import assert from 'node:assert/strict';
import { test } from 'node:test';

import { bareChip, chipKey, chipLabel, chipsKey, chipsWords, chipWords, listWords, patchShape, placeShort, plainToken, selectorName,
  toggledChips } from '../../apps/common/widgets/patching/places.js';
import { createPending, createSections } from '../../apps/common/widgets/shared/sections.js';

const SHAPE = { rows: 3, cols: 4, nPrefix: 1, prefixNames: ['CLS'], nTokens: 13, nLayers: 5, nHeads: 4, sites: [] };
const z = (layer, head, token = 'cls') => ({ site: 'z', layer, head, token });

test('the shape counts the tokens of a run', () => {
  const shape = patchShape({ grid: [3, 4], n_prefix: 2, prefix_names: ['CLS', 'REG1'], n_layers: 5, n_heads: 4 });
  assert.deepEqual([shape.nTokens, shape.rows, shape.cols, shape.sites.length], [14, 3, 4, 0]);
});

test('CLS by name and by index are one place, but only where there is a prefix', () => {
  assert.equal(chipKey(SHAPE, z(4, 2, 0)), chipKey(SHAPE, z(4, 2, 'cls')));
  assert.notEqual(chipKey(SHAPE, z(4, 2, 1)), chipKey(SHAPE, z(4, 2, 'cls')));
  assert.equal(plainToken({ ...SHAPE, nPrefix: 0 }, 0), 0);
  assert.equal(plainToken(SHAPE, undefined), 'all');
});

test('a chip is put in once, and taken out by the same click', () => {
  const one = toggledChips(SHAPE, [], z(4, 2));
  const two = toggledChips(SHAPE, one, z(3, 1));
  assert.equal(two.length, 2);
  assert.deepEqual(toggledChips(SHAPE, two, z(4, 2, 0)), [z(3, 1)]);
  assert.equal(chipsKey(SHAPE, two), chipsKey(SHAPE, [...two].reverse()), 'the order does not matter');
  assert.notEqual(chipsKey(SHAPE, two), chipsKey(SHAPE, one));
  assert.deepEqual(bareChip({ ...z(4, 2), id: 'x', label: 'y' }), z(4, 2));
});

test('places have short names', () => {
  assert.equal(chipLabel(SHAPE, z(4, 2)), 'L4 H2 · z at CLS');
  assert.equal(chipLabel(SHAPE, { site: 'mlp_out', layer: 3, head: null, token: 1 + 2 * 4 + 1 }), 'L3 · mlp_out at row 3, column 2');
  assert.equal(placeShort({ layer: null, head: 2 }), 'H2');
  assert.equal(placeShort({ layer: null, head: null }), 'all layers');
  assert.equal(selectorName(SHAPE, 'patches'), 'all patches');
  assert.equal(selectorName({ ...SHAPE, prefixNames: [] }, 'cls'), 'CLS');
});

test('places are told in words that need no code', () => {
  assert.equal(chipWords(SHAPE, z(3, 1)), 'what layer 3’s head 1 computed');
  assert.equal(chipWords(SHAPE, z(3, 1, 'all')), 'what layer 3’s head 1 computed at every token');
  assert.equal(chipWords(SHAPE, z(3, 1, 5)), 'what layer 3’s head 1 computed at the patch in row 2, column 1');
  assert.equal(chipWords(SHAPE, { site: 'z', layer: 3, head: null, token: 'patches' }), 'what layer 3’s heads computed at all patches');
  assert.equal(chipWords(SHAPE, { site: 'resid_pre', layer: 2, head: null, token: 'cls' }), 'everything carried into layer 2');
  assert.equal(chipWords(SHAPE, { site: 'mlp_out', layer: 0, head: null, token: 'cls' }), 'what layer 0’s MLP wrote');
  assert.match(chipWords(SHAPE, { site: 'strange', layer: 1, head: 0, token: 'cls' }), /layer 1’s head 0 held in strange/);
});

test('heads of one kind are told together, others one by one', () => {
  assert.equal(chipsWords(SHAPE, [z(3, 1), z(4, 0)]), 'what layer 3’s head 1 and layer 4’s head 0 computed');
  assert.equal(chipsWords(SHAPE, [z(3, 1), z(4, 0, 'all')]), 'what layer 3’s head 1 computed and what layer 4’s head 0 computed at every token');
  assert.equal(chipsWords(SHAPE, [z(3, 1)]), chipWords(SHAPE, z(3, 1)));
  assert.equal(listWords(['a', 'b', 'c', 'd', 'e']), 'a, b and 3 more');
  assert.equal(listWords([]), '');
});

test('only sections that differ are new', () => {
  const sections = createSections(['run', 'sweep', 'applied', 'flip', 'general', 'reads']);
  assert.deepEqual(sections.take({ run: { key: 'a' }, sweep: null }), ['run', 'sweep', 'applied', 'flip', 'general', 'reads']);
  assert.deepEqual(sections.take({ run: { key: 'a' }, sweep: null }), []);
  assert.deepEqual(sections.take({ run: { key: 'a' }, sweep: { id: 1 } }), ['sweep']);
  assert.deepEqual([sections.versions.run, sections.versions.sweep], [1, 2]);
});

test('late answers do not undo what was asked since', () => {
  const pending = createPending();
  assert.equal(pending.settle('from a link'), 'other');
  pending.asked('a');
  pending.asked('a b');
  assert.equal(pending.settle('a'), 'late');
  assert.ok(pending.isWaiting() && pending.isWanted('a b'));
  assert.equal(pending.settle('a b'), 'wanted');
  assert.ok(!pending.isWaiting());
  pending.asked('a b c');
  assert.equal(pending.settle('a c'), 'other', 'the server left one out: its list counts');
  assert.ok(!pending.isWaiting());
});
