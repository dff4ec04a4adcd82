import assert from 'node:assert/strict';
import { test } from 'node:test';

import { decimalsFor, formatAmount, formatEnd, formatLength, formatMetric, formatPoints, formatShare } from '../../apps/common/widgets/attention/amounts.js';
import { answerRows } from '../../apps/common/widgets/attention/answers.js';
import { barText } from '../../apps/common/widgets/attention/bars.js';
import { compareNote, placeIn, sameGrid } from '../../apps/common/widgets/attention/grids.js';
import { lensPoint } from '../../apps/common/widgets/attention/picture.js';
import { fileKind, fitHead, hasFile, hasKind, hasTokens, hasUnit, mapsFile, runShape, unitWords } from '../../apps/common/widgets/attention/run.js';
import { sortedOrder } from '../../apps/common/widgets/shared/sorttable.js';
import { chanceWords, typesOfHead } from '../../apps/common/widgets/attention/typecard.js';
import { cellSentence, headSentence, relationWords, tokenSentence } from '../../apps/common/widgets/attention/words.js';

const SHAPE = { rows: 3, cols: 4, frames: 1, nPrefix: 1, prefixNames: ['CLS'], nTokens: 13 };
const at = (row, col) => 1 + row * 4 + col;
const HEAD = { layer: 3, unit: 1 };

test('a patch is told as it is seen from another', () => {
  assert.equal(relationWords(SHAPE, at(1, 1), at(1, 1)), 'itself');
  assert.equal(relationWords(SHAPE, at(1, 1), at(1, 0)), 'its left neighbour');
  assert.equal(relationWords(SHAPE, at(1, 1), at(2, 2)), 'its lower right neighbour');
  assert.equal(relationWords(SHAPE, at(0, 3), at(1, 0)), 'row 2, column 1', 'the next in reading order is no neighbour');
  assert.equal(relationWords(SHAPE, at(1, 1), 0), 'CLS');
  assert.equal(relationWords(SHAPE, 0, at(0, 0)), 'row 1, column 1');
  const video = { ...SHAPE, frames: 2, nPrefix: 0, nTokens: 24 };
  assert.equal(relationWords(video, 5, 12 + 5), 'the same place in frame 2');
  assert.equal(relationWords(video, 5, 12 + 6), 'frame 2, row 2, column 3');
});

test('the sentence names head, patch, and what it mostly reads', () => {
  const reads = [{ token: at(1, 3), value: 0.32, step: 0.001 }, { token: 0, value: 0.12, step: 0.001 }];
  assert.equal(tokenSentence({ shape: SHAPE, head: HEAD, kind: 'pattern', token: at(2, 3), reads, readBy: null }),
    'Layer 3, head 1: the patch in row 3, column 4 reads mostly its upper neighbour (32 %), CLS (12 %).');
  assert.equal(tokenSentence({ shape: SHAPE, head: HEAD, kind: 'scores', token: 0, reads: null, readBy: [{ token: at(0, 0), value: -1.5, step: 0 }] }),
    'Layer 3, head 1: CLS is scored highest by row 1, column 1 (−1.50).');
  assert.match(headSentence({ head: { layer: 2, unit: 'mean' }, kind: 'pattern', types: [] }), /^Layer 2, mean of all heads shows how each patch/);
  assert.match(headSentence({ head: HEAD, kind: 'log_pattern', types: ['Corner head', 'Edges head'] }), /, a Corner head and an Edges head, shows/);
});

test('the sentence of a cell says who reads whom, and what a mask hides', () => {
  const cell = { shape: SHAPE, head: HEAD, query: at(0, 0), key: at(0, 1) };
  assert.equal(cellSentence({ ...cell, kind: 'pattern', value: 0.031, step: 0 }),
    'Layer 3, head 1: the patch in row 1, column 1 gives 3.1 % of its attention to its right neighbour.');
  assert.match(cellSentence({ ...cell, kind: 'rank', value: -12.4, step: 0.1 }), /12 percentage points lower among all cells by score than by pattern/);
  assert.match(cellSentence({ ...cell, kind: 'pattern', value: NaN, step: 0 }), /may not read its right neighbour: the causal mask hides it/);
});

test('amounts have no more digits than are known', () => {
  assert.deepEqual([0, 0.5, 0.05, 0.005, 0.0004].map((step) => decimalsFor(step)), [2, 0, 1, 2, 2]);
  assert.deepEqual([0.3234, 0.0412, 0.00031, 0.00001, 0].map((v) => formatShare(v)), ['32 %', '4.1 %', '0.03 %', '< 0.01 %', '0.00 %']);
  assert.deepEqual([formatShare(0.0412, 0.003), formatShare(0.001, 0.003)], ['4 %', '< 1 %'], 'bytes of a row that spans much');
  assert.deepEqual([formatLength(12.34), formatLength(0.04561), formatLength(0), formatLength(NaN)], ['12.3', '0.0456', '0', '–']);
  assert.deepEqual([formatPoints(31.2), formatPoints(-4.24), formatPoints(0.02)], ['+31', '−4.2', '+0.0']);
  assert.deepEqual([formatAmount('log_pattern', -2), formatAmount('log_pattern', -6), formatAmount('scores', NaN)], ['1.0 %', '≤ 0.0001 %', 'hidden']);
  assert.deepEqual([formatMetric(0.5, 'share'), formatMetric(3.456, 'patches'), formatMetric(NaN, 'share')], ['50 %', '3.46', '–']);
});

test('the colour bar has real units', () => {
  const unit = { low: 0.1, high: 0.4 };
  assert.deepEqual(barText('pattern', false, unit), { low: '0 %', high: '40 %', unit: 'of the attention' });
  assert.deepEqual(barText('scores', false, { low: -3, high: 4 }), { low: '−3.00', high: '4.00', unit: 'score (logits)' });
  assert.deepEqual(barText('log_pattern', false, { low: -6, high: -0.4 }), { low: '0.0001 %', high: '40 %', unit: 'of the attention, logarithmic' });
  assert.match(barText('pattern', true, unit).unit, /0 % to 40 %/, 'each row for itself, and how far rows go');
  assert.match(barText('rank', true, { low: -20, high: 31 }).unit, /percentage points, up to ±31/);
  assert.equal(formatEnd('pattern', 0), '0 %');
});

const RUN = { grid: [14, 14], frames: 1, n_prefix: 1, prefix_names: ['CLS'], n_layers: 12, n_heads: 12, heads_per_chunk: 5, has_rollout: true, files: null, base: '/x/' };

test('a head is found in its chunk, and the last chunk may be smaller', () => {
  assert.deepEqual(mapsFile(RUN, 'scores', { layer: 3, unit: 7 }), { name: 'maps/scores/3/1', index: 2, count: 5 });
  assert.deepEqual(mapsFile(RUN, 'scores', { layer: 3, unit: 11 }), { name: 'maps/scores/3/2', index: 1, count: 2 });
  assert.deepEqual(mapsFile(RUN, 'pattern', { layer: 3, unit: 'rollout' }), { name: 'maps/pattern/3/rollout', index: 0, count: 1 });
  assert.equal(runShape(RUN).nTokens, 197);
  assert.deepEqual(fitHead({ ...RUN, n_heads: 3, has_rollout: false }, { layer: 20, unit: 7 }), { layer: 11, unit: 2 });
  assert.equal(fitHead({ ...RUN, has_rollout: false }, { layer: 1, unit: 'rollout' }).unit, 'mean');
});

test('log is for patterns and lengths; a run that travels with its files has those alone', () => {
  assert.deepEqual(['pattern', 'scores', 'rank', 'value'].map((kind) => fileKind(kind, 'log')), ['log_pattern', 'scores', 'rank', 'log_value']);
  const alone = { ...RUN, base: null, files: { 'maps/pattern/0/0': 'data:,' } };
  assert.deepEqual([hasKind(alone, 'pattern'), hasKind(alone, 'scores'), hasFile(alone, 'metrics'), hasFile(RUN, 'metrics')], [true, false, false, true]);
  assert.deepEqual([hasUnit(alone, 'mean'), hasUnit(RUN, 'rollout'), hasUnit({ ...RUN, has_rollout: false }, 'rollout')], [false, true, false]);
  assert.deepEqual([hasTokens(alone), hasTokens(RUN)], [false, true]);
  assert.deepEqual([HEAD, { layer: 2, unit: 'rollout' }].map(unitWords), ['layer 3, head 1', 'rollout up to layer 2']);
});

test('the same place in another grid: prefix tokens by name, patches by position', () => {
  const large = { rows: 6, cols: 8, frames: 1, nPrefix: 2, prefixNames: ['CLS', 'DIST'], nTokens: 50 };
  assert.deepEqual([placeIn(SHAPE, large, 0), placeIn(large, SHAPE, 1), placeIn(SHAPE, large, null)], [0, null, null]);
  assert.equal(placeIn(SHAPE, large, at(2, 3)), 2 + 5 * 8 + 7, 'the lower right quarter of that patch');
  for (let token = 0; token < SHAPE.nTokens; token++) assert.equal(placeIn(large, SHAPE, placeIn(SHAPE, large, token)), token);
  assert.ok(sameGrid(SHAPE, { ...SHAPE }) && !sameGrid(SHAPE, large) && !sameGrid(SHAPE, { ...SHAPE, prefixNames: ['REG1'] }));
  assert.equal(compareNote(SHAPE, { ...SHAPE }, HEAD, HEAD), null);
  assert.match(compareNote(SHAPE, { ...large, nLayers: 2, nHeads: 3 }, HEAD, { layer: 1, unit: 1 }), /^The second has 6×8 patches.*only 2 layers, so its layer 1/);
});

test('the lens of a layer is read after its attention, else at the next point there is', () => {
  const labels = ['0_pre', '0_mid', '1_pre', '1_mid', 'final'];
  assert.deepEqual([lensPoint(labels, 0), lensPoint(labels, 1), lensPoint(['0_pre', '1_pre', 'final'], 0), lensPoint(['0_pre', '1_pre', 'final'], 1)], [1, 3, 1, 2]);
});

test('two answers are lined up by class', () => {
  const a = [{ index: 1, name: 'cat', emoji: '🐈', probability: 0.9 }];
  const b = [{ index: 2, name: 'dog', emoji: '🐕', probability: 0.6 }, { index: 1, name: 'cat', emoji: '🐈', probability: 0.3 }];
  assert.deepEqual(answerRows(a, b).map(({ name, first, second }) => [name, first, second]), [['cat', 0.9, 0.3], ['dog', NaN, 0.6]]);
  assert.deepEqual(answerRows(null, null), []);
});

test('tables sort either way, with what is unknown always last', () => {
  assert.deepEqual(sortedOrder([3, NaN, 1, -Infinity, 2], true), [2, 4, 0, 1, 3]);
  assert.deepEqual(sortedOrder([3, NaN, 1, 2], false), [0, 3, 2, 1]);
  assert.deepEqual(sortedOrder(['b', '', 'a'], true), [1, 2, 0]);
});

test('the types of a head, strongest first', () => {
  const found = [{ type: 'row', layer: 1, head: 2, strength: 0.3 }, { type: 'cls', layer: 1, head: 2, strength: 0.6 }, { type: 'row', layer: 0, head: 2, strength: 0.9 }];
  const types = { types: [{ id: 'row', title: 'Row head' }, { id: 'cls', title: 'CLS reader' }], found };
  assert.deepEqual(typesOfHead(types, 1, 2).map(({ type }) => type.title), ['CLS reader', 'Row head']);
  assert.deepEqual(typesOfHead(null, 1, 2), []);
  assert.deepEqual([chanceWords(0.0004), chanceWords(0.005), chanceWords(NaN)], ['p < 0.001', 'p = 0.005', 'p unknown']);
});
