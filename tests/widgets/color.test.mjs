import assert from 'node:assert/strict';
import { test } from 'node:test';

import { buildLut, LUT, lightness, luminance, lutIndex, parseHex, textOn } from '../../apps/common/widgets/shared/color.js';
import { rankShade, robustRange } from '../../apps/common/widgets/lens/scale.js';

test('the colour map grows lighter at every step, over nearly the whole range', () => {
  const ls = LUT.map(lightness);
  for (let i = 1; i < ls.length; i++) assert.ok(ls[i] > ls[i - 1] - 0.35, `step ${i}`);
  for (let i = 8; i < ls.length; i++) assert.ok(ls[i] > ls[i - 8], `eight steps up to ${i}`);
  assert.ok(ls[0] < 20 && ls[255] > 88);
});

test('a rainbow would not pass', () => {
  const rainbow = buildLut(['#ff0000', '#ffff00', '#00ff00', '#0000ff'].map(parseHex)).map(lightness);
  assert.ok(rainbow[255] < rainbow[85]);
});

test('values outside the range and NaN stay on the map', () => {
  assert.deepEqual([-1, 0, NaN, 0.5, 1, 7].map(lutIndex), [0, 0, 0, 128, 255, 255]);
});

test('numbers on every colour of the map reach contrast 4.5', () => {
  for (const rgb of LUT) {
    const [y, ink] = [luminance(rgb), textOn(rgb) === '#000000' ? 0 : 1];
    assert.ok((Math.max(y, ink) + 0.05) / (Math.min(y, ink) + 0.05) >= 4.5);
  }
});

test('a colour that is none becomes grey', () => {
  assert.deepEqual(parseHex('#0a0b0c'), [10, 11, 12]);
  assert.deepEqual(parseHex('url(x)'), [136, 136, 136]);
});

test('the range leaves outliers out and says so', () => {
  const values = Array.from({ length: 1001 }, (_, i) => i);
  assert.deepEqual(robustRange(values), { low: 10, high: 990, clipped: true });
  assert.deepEqual(robustRange([3, 3]), { low: 3, high: 4, clipped: false });
  assert.deepEqual(robustRange([NaN]), { low: 0, high: 1, clipped: false });
});

test('rank shades run from 1 for the first to 0 for the last', () => {
  assert.equal(rankShade(0, 1000), 1);
  assert.ok(Math.abs(rankShade(999, 1000)) < 1e-12);
  assert.ok(rankShade(1, 1000) > rankShade(9, 1000));
  assert.equal(rankShade(0, 1), 1);
});
