import assert from 'node:assert/strict';
import { test } from 'node:test';

import { formatExact } from '../../apps/common/widgets/attention/amounts.js';
import { shareRanges } from '../../apps/common/widgets/attention/common.js';
import { placeLabels } from '../../apps/common/widgets/attention/labels.js';
import { readingOf } from '../../apps/common/widgets/attention/reading.js';
import { layoutWall } from '../../apps/common/widgets/attention/walllayout.js';
import { layoutStage, tokenRect } from '../../apps/common/widgets/shared/geometry.js';

const stage = (side, width) => layoutStage({ rows: side, cols: side, nPrefix: 1, image: [224, 224], width });
const label = (token, direction = 'reads') => ({ token, direction, width: 34 });
const inside = ({ x, y, width, height }, point) => point.x > x && point.x < x + width && point.y > y && point.y < y + height;

for (const [side, width] of [[12, 338], [14, 338], [14, 520], [24, 520]]) {
  test(`${side}×${side} patches on ${width} pixels: a number lies on its patch, or a line leads there`, () => {
    const layout = stage(side, width);
    for (let token = 1; token <= side * side; token++) {
      const items = [label(token), label(token, 'readBy'), label(Math.max(1, token - 1)), label(Math.min(side * side, token + side), 'readBy')];
      const placed = placeLabels(items, layout, { selected: token, isBoth: true });
      assert.equal(placed[0].token, token, 'the strongest is never left out');
      for (const item of placed) {
        const rect = tokenRect(layout, item.token);
        assert.ok(inside(rect, item) || (item.line && inside(rect, item.line)));
        assert.ok(item.y - 7 >= layout.grid.y && item.x - 17 >= 0 && item.x + 17 <= layout.width, 'never over CLS or outside');
        for (const other of placed) {
          if (other === item) continue;
          assert.ok(Math.abs(other.x - item.x) >= 34 || Math.abs(other.y - item.y) >= 14, 'no number covers another');
        }
      }
    }
  });
}

const unit = (low, high) => ({ nTokens: 5, low, high, hidden: null, rowLow: new Float32Array(5).fill(low), rowHigh: new Float32Array(5).fill(high),
  codes: Uint8Array.from({ length: 25 }, (_, i) => 10 * i) });
const pane = (kind, low, high) => {
  const matrix = unit(low, high);
  return { kind, unit: matrix, shape: { rows: 2, cols: 2, frames: 1, nPrefix: 1, prefixNames: ['CLS'], nTokens: 5 }, reading: readingOf(matrix, kind, 1, false) };
};

test('two runs share one range of colours; runs of another kind, or one alone, keep theirs', () => {
  const panes = [pane('scores', -2, 3), pane('scores', -5, 1)];
  shareRanges(panes);
  for (const { common, reading } of panes) {
    assert.deepEqual([common.low, common.high, ...common.rowEnds(2)], [-5, 3, -5, 3]);
    assert.deepEqual([reading.reads.range, reading.readBy.range], [[-5, 3], [-5, 3]]);
  }
  const apart = [pane('scores', 0, 1), null];
  shareRanges(apart);
  assert.equal(apart[0].common, undefined);
});

test('a patch that reads itself far more than any other is left out of the range of its ink', () => {
  const matrix = unit(0, 1);
  matrix.codes = Uint8Array.from({ length: 25 }, (_, i) => (i % 6 ? 5 : 250));
  const { reads } = readingOf(matrix, 'pattern', 2, true);
  assert.ok(reads.isBeyond && Math.abs(reads.range[1] - 5 / 255) < 1e-6);
  matrix.codes.fill(100);
  assert.equal(readingOf(matrix, 'pattern', 2, true).reads.isBeyond, false);
});

test('exact numbers have six digits that count', () => {
  assert.deepEqual([41.98765, 0.0018432149, 9.804312e-7, -12.5, NaN].map(formatExact), ['41.9877', '0.00184321', '9.80431e−7', '−12.5000', '–']);
});

test('thumbnails shrink so that all layers fit, down to the least', () => {
  assert.ok(layoutWall({ width: 206, height: 600, nLayers: 12, nHeads: 3, least: 18 }).height <= 600);
  assert.ok(layoutWall({ width: 300, height: 608, nLayers: 12, nHeads: 12, least: 18 }).height <= 608);
  assert.ok(layoutWall({ width: 300, height: 100, nLayers: 24, nHeads: 3, least: 18 }).height > 100, 'beyond that it scrolls');
});
