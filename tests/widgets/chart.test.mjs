import assert from 'node:assert/strict';
import { test } from 'node:test';

import { chartIndex, chartX, plotBox, spreadEnds, valueRange } from '../../apps/common/widgets/shared/chart.js';
import { maskCentres, maskEdges } from '../../apps/common/widgets/lens/maskshape.js';
import { niceTicks } from '../../apps/common/widgets/shared/ticks.js';
import { scoreLines, scoreSentence } from '../../apps/common/widgets/lens/scores.js';

test('a click finds the layer whose point was drawn there', () => {
  const box = plotBox(400, 190);
  for (const n of [1, 2, 13, 25]) {
    for (let i = 0; i < n; i++) assert.equal(chartIndex(box, chartX(box, i, n), n), i);
  }
  assert.equal(chartIndex(box, -50, 13), 0);
  assert.equal(chartIndex(box, 9999, 13), 12);
});

test('ticks are round numbers within the range', () => {
  assert.deepEqual(niceTicks(0, 1.02), [0, 0.5, 1]);
  assert.deepEqual(niceTicks(-4.2, 11.3), [0, 5, 10]);
  for (const tick of niceTicks(-0.013, 0.021)) assert.ok(tick >= -0.013 - 1e-9 && tick <= 0.021 + 1e-9);
});

test('the range ignores unknown values', () => {
  assert.deepEqual(valueRange([{ values: [NaN, NaN] }]), [0, 1]);
  const [low, high] = valueRange([{ values: [1, NaN, 3] }]);
  assert.ok(low < 1 && low > 0.8 && high > 3 && high < 3.2);
});

test('labels at the line ends keep their distance and stay inside', () => {
  const placed = spreadEnds([50, 51, 52, 100], 17, 0, 100);
  const sorted = [...placed].sort((a, b) => a - b);
  for (let i = 1; i < 4; i++) assert.ok(sorted[i] - sorted[i - 1] >= 17 - 1e-9);
  assert.ok(sorted[3] <= 100);
});

test('mask edges run around each object, also at the border of the picture', () => {
  const mask = { width: 2, height: 2, ids: new Uint8Array([1, 0, 0, 0]) };
  assert.equal(maskEdges(mask).length, 4);
  assert.equal(maskEdges({ width: 2, height: 1, ids: new Uint8Array([1, 2]) }).length, 7, 'the edge between them counts once');
  assert.deepEqual(maskCentres(mask, 2), [{ object: 0, x: 0.5, y: 0.5, area: 1 }]);
});

test('scores are drawn with their baselines and told in a sentence', () => {
  const scores = { iou: [0.1, 0.4], accuracy: [0.5, 0.8], baseline_iou: 0.12, baseline_accuracy: 0.7, threshold: 0.3, heldout: null };
  const theme = { one: 'a', two: 'b', three: 'c' };
  assert.equal(scoreLines(scores, theme).series.filter((line) => line.dash).length, 2);
  assert.match(scoreSentence(scores, 'final', 1), /IoU 0\.40 \(constant answer 0\.12\), pixel accuracy 0\.80/);
  const held = { ...scores, heldout: { iou: [0.1, 0.3], low: [0.08, 0.28], high: [0.12, 0.32], baseline: 0.1, n_scenes: 1000 } };
  assert.equal(scoreLines(held, theme).bands.length, 1);
  assert.match(scoreSentence(held, 'final', 1), /1,000 held-out scenes: IoU 0\.30 \(95 % interval 0\.28 to 0\.32/);
});
