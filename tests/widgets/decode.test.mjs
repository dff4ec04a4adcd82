import assert from 'node:assert/strict';
import { test } from 'node:test';

import {
  classCounts, decodeClass, decodeLens, decodeMask, isSure, layerWords, topK, topProbability, tracedClasses,
  trajectory,
} from '../../apps/common/widgets/shared/lensdata.js';
import { tokenName } from '../../apps/common/widgets/shared/geometry.js';

const bytes = (...hex) => new Uint8Array(hex.join('').match(/../g).map((pair) => parseInt(pair, 16))).buffer;

// Two layers, CLS and one patch, three best of four classes. Bytes are little-endian and written by hand.
const META = { grid: [1, 1], n_prefix: 1, prefix_names: ['CLS'], labels: ['0_pre', 'final'], k: 3, n_classes: 4, image: [1, 2] };
const BLOB = bytes(
  '0100', '0000', '0200', '0000', '0100', '0200', '0300', '0200', '0100', '0301', '0000', '0100', // classes
  '0600', '0400', '0200', '0400', '0400', '0000', '0a00', '0800', '0600', '0c00', '0400', '0200', // codes
  '000080bf', '000000c0', '000000bf', '00000000', // log-probabilities of the first classes
  '000080bf', '0000003f', // low -1, step 0.5
);

test('the lens blob is read where the contract puts it', () => {
  const lens = decodeLens(BLOB, META);
  assert.equal(lens.classes[9], 259, 'low byte first');
  assert.deepEqual(topK(lens, 0, 0).map((entry) => entry.index), [1, 0, 2]);
  assert.deepEqual(topK(lens, 0, 0).map((entry) => entry.logit), [2, 1, 0]);
  assert.deepEqual(topK(lens, 0, 0).map((entry) => entry.margin), [1, -1, -2]);
  const probabilities = topK(lens, 1, 0).map((entry) => entry.probability);
  [Math.exp(-0.5), Math.exp(-1.5), Math.exp(-2.5)].forEach((p, i) => assert.ok(Math.abs(p - probabilities[i]) < 1e-6));
});

test('a blob of another length is refused with both lengths', () => {
  assert.throws(() => decodeLens(BLOB.slice(2), META), /70 bytes where 72 were expected/);
  assert.throws(() => decodeClass(bytes('00'), decodeLens(BLOB, META)), /1 bytes where 40/);
  assert.throws(() => decodeMask(bytes('000000'), META), /3 bytes where 2/);
});

test('a trajectory is broken where its class is not among the best', () => {
  const lens = decodeLens(BLOB, META);
  assert.deepEqual([...trajectory(lens, 0, 0, 'logit')], [1, NaN]);
  assert.deepEqual(tracedClasses(lens, 0, 0), [3, 2, 1]);
  assert.deepEqual(classCounts(lens, 0), [{ index: 0, count: 1 }]);
});

test('a patch is shown, and counted, only where it is sure enough', () => {
  const lens = decodeLens(BLOB, META);
  const p = topProbability(lens, 0, 1); // the one patch
  assert.deepEqual([isSure(lens, 0, 1, 0), isSure(lens, 0, 1, p), isSure(lens, 0, 1, p + 1e-6)], [true, true, false]);
  assert.deepEqual(classCounts(lens, 0, p + 1e-6), []);
  assert.equal(classCounts(lens, 0, p).length, 1);
});

test('a class blob gives logits, probabilities and ranks', () => {
  const found = decodeClass(bytes('0000803f', '00000040', '00004040', '000080bf', '00000000', '000080bf', '000000c0', '0000807f', '0000010003e70301'),
    decodeLens(BLOB, META));
  assert.deepEqual([...found.logit], [1, 2, 3, -1]);
  assert.equal(found.probability[0], 1);
  assert.ok(Math.abs(found.probability[1] - Math.exp(-1)) < 1e-6);
  assert.deepEqual([...found.rank], [0, 1, 0xe703, 0x0103]);
});

test('tokens and layers are told in words', () => {
  const lens = { nPrefix: 1, rows: 4, cols: 3, prefixNames: ['CLS'] };
  assert.equal(tokenName(lens, 0), 'CLS');
  assert.equal(tokenName(lens, 1 + 3 + 2), 'row 2, column 3');
  assert.equal(layerWords('3_mid'), 'after the attention of block 3');
  assert.match(layerWords('0_pre', ['0_pre']), /before the first block/);
  assert.match(layerWords('final'), /after the last block/);
});
