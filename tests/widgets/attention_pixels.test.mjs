import assert from 'node:assert/strict';
import { test } from 'node:test';

import { decodeMaps } from '../../apps/common/widgets/attention/decode.js';
import { inkFor, mapOf, packedLut, packInk, PACKED_HIDDEN } from '../../apps/common/widgets/attention/hues.js';
import { DIVERGING, READ_BY, READS } from '../../apps/common/widgets/shared/hues.js';
import { arrangePills } from '../../apps/common/widgets/shared/pills.js';
import { brightCode, inkCell, inkPixels, matrixPixels, thumbPixels, tokenPixels } from '../../apps/common/widgets/attention/pixels.js';
import { readingOf } from '../../apps/common/widgets/attention/reading.js';
import { unitOf } from '../../apps/common/widgets/attention/unit.js';
import { patchPicture } from '../../apps/common/widgets/attention/wall.js';
import { lightness, parseHex } from '../../apps/common/widgets/shared/color.js';

// Machado, Oliveira and Fernandes (2009), severity 1, on linear RGB.
const DICHROMATS = {
  protan: [[0.152286, 1.052583, -0.204868], [0.114503, 0.786281, 0.099216], [-0.003882, -0.048116, 1.051998]],
  deutan: [[0.367322, 0.860646, -0.227968], [0.280085, 0.672501, 0.047413], [-0.01182, 0.04294, 0.968881]],
  tritan: [[1.255528, -0.076749, -0.178779], [-0.078411, 0.930809, 0.147602], [0.004733, 0.691367, 0.3039]],
};
const TO_XYZ = [[0.4124, 0.3576, 0.1805], [0.2126, 0.7152, 0.0722], [0.0193, 0.1192, 0.9505]];
const times = (matrix, v) => matrix.map((row) => row.reduce((sum, m, i) => sum + m * v[i], 0));
const linear = (rgb) => rgb.map((v) => (v / 255 <= 0.04045 ? v / 255 / 12.92 : ((v / 255 + 0.055) / 1.055) ** 2.4));

function lab(light) {
  const [x, y, z] = times(TO_XYZ, light.map((v) => Math.max(0, Math.min(1, v)))).map((v, i) => v / [0.95047, 1, 1.08883][i])
    .map((v) => (v > 0.008856 ? Math.cbrt(v) : 7.787 * v + 16 / 116));
  return [116 * y - 16, 500 * (x - y), 200 * (y - z)];
}

const apart = (a, b, seen) => Math.hypot(...lab(times(seen, linear(a))).map((v, i) => v - lab(times(seen, linear(b)))[i]));

test('blue and orange stay far apart for every kind of colour blindness', () => {
  for (const [kind, seen] of Object.entries(DICHROMATS)) assert.ok(apart(READS, READ_BY, seen) > 60, kind);
  assert.ok(apart(parseHex('#0f8b8d'), parseHex('#d6336c'), DICHROMATS.protan) < 20, 'teal and pink would not');
});

test('the diverging map is lightest in the middle and falls to both ends, which differ for everybody', () => {
  const ls = DIVERGING.map(lightness);
  for (let i = 8; i < 128; i += 8) assert.ok(ls[i] > ls[i - 8] && ls[255 - i] > ls[255 - i + 8], `step ${i}`);
  for (const [kind, seen] of Object.entries(DICHROMATS)) assert.ok(apart(DIVERGING[40], DIVERGING[215], seen) > 25, kind);
});

const bytes = (...values) => new Uint8Array(values).buffer;
const floats = (...values) => [...new Uint8Array(new Float32Array(values).buffer)];
const shorts = (...values) => [...new Uint8Array(new Uint16Array(values).buffer)];
// Rows 0 to 0.4 and 0 to 0.8 of two tokens, each from its least to its most.
const CHUNK = decodeMaps(bytes(...floats(0, 0.8), ...shorts(0, 0, 32768, 65535), 0, 255, 0, 255), 1, 2);
const LUT_ = packedLut(mapOf('pattern'));

test('each row spans all colours by itself, or all share one range', () => {
  const unit = unitOf(CHUNK, 0);
  const [byRow, whole] = [matrixPixels(unit, 'pattern', true, LUT_), matrixPixels(unit, 'pattern', false, LUT_)];
  assert.deepEqual([...byRow], [LUT_[0], LUT_[255], LUT_[0], LUT_[255]]);
  assert.deepEqual([...whole], [LUT_[0], LUT_[128], LUT_[0], LUT_[255]]);
});

test('hidden cells have a colour that is on no map', () => {
  const pixels = matrixPixels(unitOf(CHUNK, 0, (query, key) => key > query), 'pattern', true, LUT_);
  assert.equal(pixels[1], PACKED_HIDDEN);
  assert.ok(!LUT_.includes(PACKED_HIDDEN) && !packedLut(DIVERGING).includes(PACKED_HIDDEN));
  assert.equal(pixels[3], LUT_[255]);
});

test('one bright cell does not darken a whole thumbnail', () => {
  const codes = new Uint8Array(1024).fill(10);
  codes[5] = 255;
  assert.equal(brightCode(codes), 10);
  assert.equal(brightCode(new Uint8Array(1024).map((_, i) => (i % 4 ? 10 : 255))), 255, 'what is not rare keeps the scale');
  const pixels = thumbPixels({ side: 32, low: [0], high: [1], codes }, 0, 'pattern', LUT_);
  assert.deepEqual([pixels[0], pixels[5]], [LUT_[255], LUT_[255]]);
});

test('a token in a head is drawn without the prefix tokens, frames side by side', () => {
  const side = { low: [0, 0], high: [1, 1], codes: new Uint8Array([9, 9, 9, 9, 9, 0, 255, 255, 255, 255]) };
  assert.deepEqual([...tokenPixels(side, 1, 5, 1, 'pattern', LUT_)], new Array(4).fill(LUT_[255]));
  const video = { rows: 1, cols: 2, frames: 2 };
  assert.deepEqual([...patchPicture(Uint32Array.of(1, 2, 3, 4), video).pixels], [1, 2, 3, 4]);
  assert.deepEqual([...patchPicture(Uint32Array.of(1, 2, 3, 4), { rows: 2, cols: 1, frames: 2 }).pixels], [1, 3, 2, 4], 'column by column');
});

const SHAPE = { rows: 1, cols: 2, frames: 1, nPrefix: 1, nTokens: 3 };
const direction = (values, ink) => ({ values: Float32Array.from(values), range: [0, 1], ink });
const inkAt = (pixels, x, y) => pixels[y * SHAPE.cols * inkCell(SHAPE) + x];

test('strength is opacity; with both directions a disc in the middle shows the second', () => {
  const reads = direction([9, 0.5, 1], READS);
  const readBy = direction([9, 1, 0], READ_BY);
  const side = inkCell(SHAPE);
  const both = inkPixels(SHAPE, 'pattern', { reads, readBy }, 0.8);
  assert.equal(both.length, 2 * side * side);
  assert.equal(inkAt(both, 0, 0), packInk(READS, 0.4), 'the corner of the first patch');
  assert.equal(inkAt(both, side / 2, side / 2), packInk(READ_BY, 0.8), 'its middle');
  assert.equal(inkAt(both, side, 0), packInk(READS, 0.8));
  assert.equal(inkAt(both, side + side / 2, side / 2), packInk(READ_BY, 0), 'nobody reads the second');
  const one = inkPixels(SHAPE, 'pattern', { reads: null, readBy }, 1);
  assert.equal(inkAt(one, 0, 0), packInk(READ_BY, 1), 'alone it fills the patch');
});

test('a difference is painted by its sign, a hidden cell not at all', () => {
  const reads = { values: Float32Array.of(0, -1, NaN), range: [-1, 1], ink: READS };
  const pixels = inkPixels(SHAPE, 'rank', { reads, readBy: null }, 1);
  assert.equal(inkAt(pixels, 0, 0), packInk(inkFor('rank', -1), 1));
  assert.notDeepEqual(inkFor('rank', -1), inkFor('rank', 1));
  assert.equal(inkAt(pixels, inkCell(SHAPE), 0) >>> 24, 0);
});

test('a reading takes the exact numbers where they are known', () => {
  const unit = unitOf(CHUNK, 0);
  const rough = readingOf(unit, 'pattern', 1, true);
  assert.ok(rough.reads.stepOf(0) > 0.003 && rough.readBy.stepOf(0) < rough.readBy.stepOf(1), 'a column has the step of each row');
  const exact = { patternRow: Float32Array.of(0.25, 0.75), patternColumn: Float32Array.of(0.4, 0.75), scoresRow: Float32Array.of(1, 2) };
  const fine = readingOf(unit, 'pattern', 1, true, exact);
  assert.deepEqual([[...fine.reads.values], fine.reads.stepOf(0)], [[0.25, 0.75], 0]);
  assert.deepEqual(readingOf(unit, 'rank', 1, true, exact).reads.values, rough.reads.values, 'ranks are in no table of exact numbers');
  const masked = readingOf(unitOf(CHUNK, 0, (query, key) => key > query), 'pattern', 0, true, { ...exact, patternRow: Float32Array.of(1, 0) });
  assert.ok(Number.isNaN(masked.reads.values[1]));
});

test('numbers on patches keep off each other and on the picture', () => {
  const pill = (x, y) => ({ x, y, width: 38 });
  const placed = arrangePills([pill(0, 0), pill(10, 5), pill(100, 5), pill(200, 90)], { width: 150, height: 100 });
  assert.equal(placed.length, 3, 'the second would cover the first');
  assert.ok(placed.every(({ x, width }) => x - width / 2 >= 0 && x + width / 2 <= 150));
});
