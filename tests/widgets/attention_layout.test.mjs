import assert from 'node:assert/strict';
import { test } from 'node:test';

import { axisLabels, cellAtPoint, cellRect, LABEL_ROOM, layoutMatrix } from '../../apps/common/widgets/attention/matrixlayout.js';
import {
  flatMetric, nearestPoint, nextPoint, scatterAxes, scatterPlace, scatterPoints,
} from '../../apps/common/widgets/attention/scatterdata.js';
import { fitted, headAt, layoutWall, thumbRect, wantedWidth } from '../../apps/common/widgets/attention/walllayout.js';

const middle = (rect) => [rect.x + rect.width / 2, rect.y + rect.height / 2];

for (const nTokens of [49, 50, 65, 97, 145, 197, 257, 392, 577, 1374]) {
  test(`${nTokens} tokens: the middle of a cell finds the cell, corners the corner cells`, () => {
    const layout = layoutMatrix({ width: 420, nTokens, dpr: 2 });
    for (let i = 0; i < 300; i++) {
      const cell = { query: (i * 7919) % nTokens, key: (i * 104729) % nTokens };
      assert.deepEqual(cellAtPoint(layout, ...middle(cellRect(layout, cell))), cell);
    }
    const { left, top, size } = layout;
    assert.deepEqual(cellAtPoint(layout, left, top), { query: 0, key: 0 });
    assert.deepEqual(cellAtPoint(layout, left + size, top + size), { query: nTokens - 1, key: nTokens - 1 });
    assert.equal(cellAtPoint(layout, left - 1, top + 5), null);
    assert.ok(layout.width <= 420 && layout.size > 300);
  });
}

test('cells take whole device pixels where that costs little', () => {
  const { size } = layoutMatrix({ width: 420, nTokens: 50, dpr: 2 });
  assert.equal((2 * size) % 50, 0);
  assert.equal(layoutMatrix({ width: 420, nTokens: 197, dpr: 1 }).size, 368, 'two pixels a cell would leave a quarter empty');
});

const SHAPES = [
  { rows: 14, cols: 14, frames: 1, nPrefix: 1, prefixNames: ['CLS'], nTokens: 197 },
  { rows: 37, cols: 37, frames: 1, nPrefix: 5, prefixNames: ['CLS', 'REG1', 'REG2', 'REG3', 'REG4'], nTokens: 1374 },
  { rows: 7, cols: 7, frames: 8, nPrefix: 0, prefixNames: [], nTokens: 392 },
  { rows: 12, cols: 7, frames: 1, nPrefix: 2, prefixNames: ['CLS', 'DIST'], nTokens: 86 },
];

test('labels of an axis keep their distance, name the first token, and stay on the matrix', () => {
  for (const shape of SHAPES) {
    for (const room of Object.values(LABEL_ROOM)) {
      const labels = axisLabels(shape, 320, room);
      const places = labels.map(({ token }) => (token * 320) / shape.nTokens);
      for (let i = 1; i < places.length; i++) assert.ok(places[i] - places[i - 1] >= room - 1e-9);
      assert.ok(labels.length > 2 && places.at(-1) < 320);
      assert.equal(labels[0].text, shape.nPrefix ? shape.prefixNames[0] : shape.frames > 1 ? 'fr. 1' : 'row 1');
    }
  }
});

test('each thumbnail finds its own head, for few heads and for many', () => {
  for (const [nLayers, nHeads, width] of [[5, 4, 300], [12, 12, 316], [24, 16, 318], [24, 16, 362]]) {
    const layout = layoutWall({ width, nLayers, nHeads, least: 18 });
    for (const head of [{ layer: 0, unit: 0 }, { layer: nLayers - 1, unit: nHeads - 1 }, { layer: 2, unit: 3 }]) {
      assert.deepEqual(headAt(layout, ...middle(thumbRect(layout, head))), head);
    }
    assert.equal(headAt(layout, 3, 3), null);
    assert.ok(layout.width <= width);
  }
  assert.ok(layoutWall({ width: 362, nLayers: 24, nHeads: 16, least: 32 }).width > 362, 'fingers get larger thumbnails, and the wall scrolls');
  assert.ok(wantedWidth(3) < wantedWidth(12) && wantedWidth(12) <= wantedWidth(64));
});

test('a thumbnail of another shape lies in the middle of its place', () => {
  assert.deepEqual(fitted({ x: 0, y: 0, width: 40, height: 40 }, 0.5), { x: 0, y: 10, width: 40, height: 20 });
  assert.deepEqual(fitted({ x: 0, y: 0, width: 40, height: 40 }, 2), { x: 10, y: 0, width: 20, height: 40 });
});

test('heads whose metric is unknown are no points', () => {
  const points = scatterPoints(Float32Array.of(1, NaN, 3, 4), Float32Array.of(1, 2, 3, NaN), 2);
  assert.deepEqual(points, [{ layer: 0, unit: 0, x: 1, y: 1 }, { layer: 1, unit: 0, x: 3, y: 3 }]);
  assert.deepEqual(scatterPoints(null, Float32Array.of(1), 2), []);
  assert.ok(Number.isNaN(flatMetric([[1, null]])[1]));
  assert.equal(flatMetric(undefined), null);
});

const POINTS = [{ layer: 0, unit: 0, x: 1, y: 9 }, { layer: 0, unit: 1, x: 2, y: 1 }, { layer: 1, unit: 0, x: 3, y: 5 }];

test('a point is found where it was drawn, and nothing far from all', () => {
  const axes = scatterAxes(POINTS, 500, 300);
  for (const point of POINTS) assert.equal(nearestPoint(POINTS, axes, scatterPlace(axes, point), 14), point);
  const { x, y } = scatterPlace(axes, POINTS[1]);
  assert.equal(nearestPoint(POINTS, axes, { x: x + 9, y: y - 9 }, 14), POINTS[1]);
  assert.equal(nearestPoint(POINTS, axes, { x: x + 30, y }, 14), null);
});

test('axes hold all points, also where all are alike', () => {
  for (const points of [POINTS, [POINTS[0]], [], [{ layer: 0, unit: 0, x: -3, y: 0 }]]) {
    const axes = scatterAxes(points, 500, 300);
    assert.ok(axes.x[1] > axes.x[0] && axes.y[1] > axes.y[0]);
    for (const point of points) {
      const { x, y } = scatterPlace(axes, point);
      assert.ok(x >= axes.box.x && x <= axes.box.x + axes.box.width && y >= axes.box.y && y <= axes.box.y + axes.box.height);
    }
  }
});

test('arrows walk along either metric and hold at the ends', () => {
  const head = { layer: 0, unit: 1 };
  assert.equal(nextPoint(POINTS, head, 'ArrowRight'), POINTS[2]);
  assert.equal(nextPoint(POINTS, head, 'ArrowLeft'), POINTS[0]);
  assert.equal(nextPoint(POINTS, head, 'ArrowUp'), POINTS[2], 'the next larger along the other metric');
  assert.equal(nextPoint(POINTS, head, 'ArrowDown'), POINTS[1]);
  assert.equal(nextPoint(POINTS, head, 'End'), POINTS[2]);
  assert.equal(nextPoint(POINTS, { layer: 9, unit: 9 }, 'ArrowRight'), POINTS[0], 'from a head without a point to the first');
  assert.equal(nextPoint([], head, 'ArrowRight'), null);
});
