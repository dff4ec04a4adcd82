import assert from 'node:assert/strict';
import { test } from 'node:test';

import { decodeExact, decodeMaps, decodeMetrics, decodeThumbs, decodeToken } from '../../apps/common/widgets/attention/decode.js';
import { hiddenCells } from '../../apps/common/widgets/attention/run.js';
import {
  colorRange, columnOf, extremes, rowOf, shareOf, stepAt, strengthOf, strongest, unitOf, valueAt,
} from '../../apps/common/widgets/attention/unit.js';

const bytes = (...hex) => new Uint8Array(hex.join('').match(/../g).map((pair) => parseInt(pair, 16))).buffer;

// One unit of two tokens, from 0 to 1: row 0 spans 0 to 1, row 1 from 0 to 0.5; written by hand, little-endian.
const MAPS = bytes('00000000', '0000803f', '0000', '0000', 'ffff', 'ff7f', '00', 'ff', 'ff', '33');

test('matrices are read where the layout puts them', () => {
  const unit = unitOf(decodeMaps(MAPS, 1, 2), 0);
  assert.deepEqual([unit.low, unit.high], [0, 1]);
  assert.deepEqual([valueAt(unit, 0, 0), valueAt(unit, 0, 1)], [0, 1]);
  assert.ok(Math.abs(valueAt(unit, 1, 0) - 0.5) < 1e-5 && Math.abs(valueAt(unit, 1, 1) - 0.1) < 1e-5);
  assert.ok(Math.abs(stepAt(unit, 0) - 1 / 255) < 1e-6 && Math.abs(stepAt(unit, 1) - 0.5 / 255) < 1e-6, 'each row has its own step');
});

test('a row is what a token reads, a column who reads it', () => {
  const unit = unitOf(decodeMaps(MAPS, 1, 2), 0);
  const near = (values, wanted) => wanted.forEach((v, i) => assert.ok(Math.abs(values[i] - v) < 1e-5));
  near(rowOf(unit, 1), [0.5, 0.1]);
  near(columnOf(unit, 1), [1, 0.1]);
});

test('the second unit of a chunk is not the first', () => {
  const chunk = decodeMaps(bytes('00000000', '0000803f', '0000803f', '00000040', '0000', '0000', 'ffff', 'ffff', '80', 'ff'), 2, 1);
  assert.equal(unitOf(chunk, 1).high, 2);
  assert.deepEqual([unitOf(chunk, 0).codes[0], unitOf(chunk, 1).codes[0]], [128, 255]);
});

test('bytes of another length are refused with both lengths', () => {
  assert.throws(() => decodeMaps(MAPS.slice(1), 1, 2), /This layer has 19 bytes where 20 were expected/);
  assert.throws(() => decodeThumbs(bytes('00'), 1, 1), /1 bytes where 9/);
  assert.throws(() => decodeToken(bytes('00'), 1, 2), /1 bytes where 20/);
  assert.throws(() => decodeExact(bytes('00'), 2), /1 bytes where 48/);
  assert.throws(() => decodeMetrics(bytes('00'), ['a', 'b'], 3), /1 bytes where 24/);
});

test('a token in all heads: rows first, then columns, each with its own scale', () => {
  const token = decodeToken(bytes('00000000', '0000803f', '00000040', '00004040', '0a', '0b', '0c', '0d'), 1, 2);
  assert.deepEqual([token.row.low[0], token.row.high[0], token.column.low[0], token.column.high[0]], [0, 1, 2, 3]);
  assert.deepEqual([[...token.row.codes], [...token.column.codes]], [[10, 11], [12, 13]]);
});

test('thumbnails, exact numbers and metrics go by their names', () => {
  assert.deepEqual([...decodeThumbs(bytes('00000000', '0000803f', '01020304'), 1, 2).codes], [1, 2, 3, 4]);
  const exact = decodeExact(bytes('0000803f', '00000040', '00004040', '00008040', '0000a040', '0000c07f'), 1);
  assert.deepEqual([exact.scoresRow[0], exact.scoresColumn[0], exact.patternRow[0], exact.patternColumn[0], exact.valueRow[0]], [1, 2, 3, 4, 5]);
  assert.ok(Number.isNaN(exact.valueColumn[0]));
  assert.deepEqual([...decodeMetrics(bytes('0000803f', '00000040'), ['a', 'b'], 1).b], [2]);
});

const CAUSAL = { causal_from: 2, prefix_sees_all: true, n_prefix: 1 };

test('a causal mask hides later patches from its layer on, never prefix tokens, never a rollout', () => {
  const hidden = hiddenCells(CAUSAL, { layer: 2, unit: 0 });
  assert.deepEqual([hidden(1, 2), hidden(2, 1), hidden(2, 2), hidden(0, 2), hidden(2, 0)], [true, false, false, false, false]);
  assert.equal(hiddenCells(CAUSAL, { layer: 1, unit: 0 }), null, 'before that layer nothing is hidden');
  assert.equal(hiddenCells(CAUSAL, { layer: 3, unit: 'rollout' }), null);
  assert.equal(hiddenCells({ ...CAUSAL, causal_from: null }, { layer: 3, unit: 0 }), null);
  assert.equal(hiddenCells({ ...CAUSAL, prefix_sees_all: false }, { layer: 2, unit: 0 })(0, 2), true, 'a mask over tokens hides from CLS too');
});

test('a hidden cell has no value, and counts neither for a range nor as strong', () => {
  const unit = unitOf(decodeMaps(MAPS, 1, 2), 0, (query, key) => key > query);
  assert.ok(Number.isNaN(valueAt(unit, 0, 1)));
  assert.deepEqual(extremes(rowOf(unit, 0)), [0, 0]);
  assert.deepEqual(strongest('pattern', columnOf(unit, 1), 2).map((item) => item.token), [1]);
  assert.deepEqual(extremes([NaN]), [0, 0]);
});

test('colours of shares begin at 0, of differences lie around 0, of scores fill their range', () => {
  assert.deepEqual(colorRange('pattern', 0.2, 0.6), [0, 0.6]);
  assert.deepEqual(colorRange('rank', -5, 20), [-20, 20]);
  assert.deepEqual(colorRange('scores', -3, 4), [-3, 4]);
  assert.deepEqual(colorRange('log_pattern', -6, -1), [-6, -1]);
  assert.deepEqual([shareOf(-1, [0, 2]), shareOf(1, [0, 2]), shareOf(9, [0, 2]), shareOf(NaN, [0, 2]), shareOf(3, [3, 3])], [0, 0.5, 1, 0, 0]);
  assert.deepEqual([strengthOf('rank', -10, [-20, 20]), strengthOf('pattern', 1, [0, 4]), strengthOf('rank', NaN, [-1, 1])], [-0.5, 0.25, 0]);
});

test('the strongest come first, differences by their size either way', () => {
  assert.deepEqual(strongest('pattern', [0.1, 0.5, NaN, 0.4], 2), [{ token: 1, value: 0.5 }, { token: 3, value: 0.4 }]);
  assert.deepEqual(strongest('rank', [5, -9, 2], 2).map((item) => item.token), [1, 0]);
  assert.deepEqual(strongest('scores', [5, -9, 2], 3).map((item) => item.token), [0, 2, 1]);
});
