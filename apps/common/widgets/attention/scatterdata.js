// All heads as points between two metrics: where each lies, which is nearest, which comes next.

import { niceTicks } from '../shared/ticks.js';

const ROOM = { left: 52, right: 14, top: 28, bottom: 38 };

/** Points [{layer, unit, x, y}] of all heads where both metrics are known; the arrays are [layer · head]. */
export function scatterPoints(xs, ys, nHeads) {
  const points = [];
  for (let i = 0; i < Math.min(xs?.length ?? 0, ys?.length ?? 0); i++) {
    if (Number.isFinite(xs[i]) && Number.isFinite(ys[i])) points.push({ layer: Math.floor(i / nHeads), unit: i % nHeads, x: xs[i], y: ys[i] });
  }
  return points;
}

/** One metric over a data set, [layer][head] with null where unknown, as [layer · head]. */
export function flatMetric(table) {
  return table ? Float32Array.from(table.flat(), (v) => v ?? NaN) : null;
}

function axisRange(values) {
  let [low, high] = [Infinity, -Infinity];
  for (const v of values) [low, high] = [Math.min(low, v), Math.max(high, v)];
  if (!(low <= high)) return [0, 1];
  if (low >= 0 && low < 0.35 * high) low = 0;
  const pad = 0.05 * (high - low) || Math.max(1e-3, 0.05 * Math.abs(high));
  return [low === 0 ? 0 : low - pad, high + pad];
}

/** Axes for points in a canvas of this size: {box, x: [low, high], y, ticksX, ticksY}. */
export function scatterAxes(points, width, height) {
  const box = { x: ROOM.left, y: ROOM.top, width: width - ROOM.left - ROOM.right, height: height - ROOM.top - ROOM.bottom };
  const [x, y] = [axisRange(points.map((p) => p.x)), axisRange(points.map((p) => p.y))];
  return { box, x, y, ticksX: niceTicks(...x, 5), ticksY: niceTicks(...y, 5) };
}

/** Place of a point on the canvas. */
export function scatterPlace({ box, x, y }, point) {
  return {
    x: box.x + ((point.x - x[0]) / (x[1] - x[0])) * box.width,
    y: box.y + (1 - (point.y - y[0]) / (y[1] - y[0])) * box.height,
  };
}

/** The point nearest to a place on the canvas, at most `reach` CSS pixels away; else null. */
export function nearestPoint(points, axes, at, reach) {
  let [best, least] = [null, reach * reach];
  for (const point of points) {
    const place = scatterPlace(axes, point);
    const distance = (place.x - at.x) ** 2 + (place.y - at.y) ** 2;
    if (distance <= least) [best, least] = [point, distance];
  }
  return best;
}

/** The point that an arrow key leads to: the next along that axis, in the order of its metric. */
export function nextPoint(points, head, key) {
  const axis = { ArrowLeft: 'x', ArrowRight: 'x', ArrowUp: 'y', ArrowDown: 'y', Home: 'x', End: 'x' }[key];
  if (!axis || !points.length) return null;
  const order = [...points].sort((a, b) => a[axis] - b[axis] || a.layer - b.layer || a.unit - b.unit);
  if (key === 'Home') return order[0];
  if (key === 'End') return order[order.length - 1];
  const at = order.findIndex((point) => point.layer === head.layer && point.unit === head.unit);
  const by = key === 'ArrowRight' || key === 'ArrowUp' ? 1 : -1;
  return order[at < 0 ? 0 : Math.max(0, Math.min(order.length - 1, at + by))];
}
