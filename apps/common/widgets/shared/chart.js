// Line charts over the layers, on a canvas: axes with units, broken lines where a value is unknown, the current layer marked.

import { niceTicks } from './ticks.js';

const CHART_PAD = { left: 44, right: 12, top: 12, bottom: 26 };

/** Plot area of a chart; `room` keeps space on the right for what is written at the line ends. */
export function plotBox(width, height, room = 0) {
  return { x: CHART_PAD.left, y: CHART_PAD.top, width: width - CHART_PAD.left - CHART_PAD.right - room,
    height: height - CHART_PAD.top - CHART_PAD.bottom };
}

/** x of point i of n. */
export function chartX(box, i, n) {
  return box.x + (n < 2 ? box.width / 2 : (i / (n - 1)) * box.width);
}

/** Point nearest to an x, 0 … n − 1. */
export function chartIndex(box, x, n) {
  if (n < 2) return 0;
  return Math.max(0, Math.min(n - 1, Math.round(((x - box.x) / box.width) * (n - 1))));
}

/** Lowest and highest finite value of all series, a little wider; [0, 1] where there is none. */
export function valueRange(series) {
  let [low, high] = [Infinity, -Infinity];
  for (const { values } of series) {
    for (const v of values) if (Number.isFinite(v)) [low, high] = [Math.min(low, v), Math.max(high, v)];
  }
  if (low > high) return [0, 1];
  const pad = Math.max(0.05 * (high - low), 1e-3);
  return [low - pad, high + pad];
}

function drawAxes(context, box, { range, formatY, labels, theme }, toY) {
  context.font = `11px ${theme.font}`;
  context.lineWidth = 1;
  context.textBaseline = 'middle';
  context.textAlign = 'right';
  for (const tick of niceTicks(range[0], range[1])) {
    context.strokeStyle = theme.line;
    context.beginPath();
    context.moveTo(box.x, toY(tick));
    context.lineTo(box.x + box.width, toY(tick));
    context.stroke();
    context.fillStyle = theme.muted;
    context.fillText(formatY(tick), box.x - 6, toY(tick));
  }
  drawLayerNames(context, box, labels, theme);
}

function drawLayerNames(context, box, labels, theme) {
  context.textBaseline = 'top';
  context.fillStyle = theme.muted;
  const y = box.y + box.height + 8;
  const last = labels.length - 1;
  const finalLeft = box.x + box.width - context.measureText(labels[last]).width / 2;
  const every = Math.max(1, Math.ceil((last * 46) / Math.max(1, box.width)));
  const step = every > 1 ? every + (every % 2) : 1;
  context.textAlign = 'center';
  for (let i = 0; i < last; i += step) {
    const half = context.measureText(labels[i]).width / 2;
    if (chartX(box, i, labels.length) + half + 10 < finalLeft) context.fillText(labels[i], chartX(box, i, labels.length), y);
  }
  context.fillText(labels[last], chartX(box, last, labels.length), y);
}

function drawBand(context, box, { low, high, color }, toY) {
  context.beginPath();
  low.forEach((v, i) => context.lineTo(chartX(box, i, low.length), toY(v)));
  for (let i = high.length - 1; i >= 0; i--) context.lineTo(chartX(box, i, high.length), toY(high[i]));
  context.globalAlpha = 0.18;
  context.fillStyle = color;
  context.fill();
  context.globalAlpha = 1;
}

function drawLine(context, box, { values, color, dash = [], width = 2 }, toY) {
  const n = values.length;
  context.strokeStyle = color;
  context.fillStyle = color;
  context.lineWidth = width;
  context.lineJoin = 'round';
  context.setLineDash(dash);
  context.beginPath();
  let open = false;
  values.forEach((v, i) => {
    const known = Number.isFinite(v);
    if (known) context[open ? 'lineTo' : 'moveTo'](chartX(box, i, n), toY(v));
    open = known;
  });
  context.stroke();
  context.setLineDash([]);
  values.forEach((v, i) => {
    if (!Number.isFinite(v) || dash.length) return;
    if (Number.isFinite(values[i - 1]) || Number.isFinite(values[i + 1])) return;
    context.fillRect(chartX(box, i, n) - 2, toY(v) - 2, 4, 4);
  });
}

function drawMarker(context, box, x, theme) {
  context.strokeStyle = theme.accent;
  context.lineWidth = 1.5;
  context.beginPath();
  context.moveTo(x, box.y - 4);
  context.lineTo(x, box.y + box.height);
  context.stroke();
}

/** Heights for labels at the line ends, pushed apart to at least `gap`, kept inside the plot. */
export function spreadEnds(wanted, gap, low, high) {
  const order = wanted.map((y, i) => ({ y, i })).sort((a, b) => a.y - b.y);
  const out = new Array(wanted.length);
  let last = -Infinity;
  order.forEach((entry) => (last = entry.y = Math.max(entry.y, last + gap, low)));
  let ceiling = high;
  for (const entry of order.reverse()) {
    out[entry.i] = Math.min(entry.y, ceiling);
    ceiling = out[entry.i] - gap;
  }
  return out;
}

function drawEnds(context, box, series, toY, painter) {
  const ended = series.filter((line) => line.emoji && line.values.some(Number.isFinite));
  const heights = ended.map(({ values }) => toY(values.findLast(Number.isFinite)));
  spreadEnds(heights, 17, box.y + 6, box.y + box.height - 6).forEach((y, i) => {
    painter.draw(context, ended[i].emoji, box.x + box.width + 15, y, 16, ended[i].color);
  });
}

/**
 * Draw series [{values, color, dash?, width?, emoji?}] and bands [{low, high, color}] over the layers; returns the plot box.
 *
 * `marker` is the layer to mark, `labels` name the layers, `range` is [low, high] of the values.
 */
export function drawChart(context, { width, height, series, bands = [], marker, painter, ...axes }) {
  const withEnds = painter && series.some((line) => line.emoji);
  const box = plotBox(width, height, withEnds ? 18 : 6);
  const [low, high] = axes.range;
  const toY = (v) => box.y + (1 - (v - low) / (high - low)) * box.height;
  context.clearRect(0, 0, width, height);
  drawAxes(context, box, axes, toY);
  bands.forEach((band) => drawBand(context, box, band, toY));
  if (marker !== null) drawMarker(context, box, chartX(box, marker, axes.labels.length), axes.theme);
  series.forEach((line) => drawLine(context, box, line, toY));
  if (withEnds) drawEnds(context, box, series, toY, painter);
  return box;
}

/** Pointer on a chart: moving previews the layer, a click chooses it. `boxOf` gives the plot box and `count` the layers. */
export function attachChartPointer(canvas, boxOf, count, { preview, choose }) {
  const layerOf = (event) => {
    const box = boxOf();
    return box && chartIndex(box, event.clientX - canvas.getBoundingClientRect().left, count());
  };
  canvas.addEventListener('pointermove', (event) => event.pointerType === 'mouse' && boxOf() && preview(layerOf(event)));
  canvas.addEventListener('pointerleave', () => preview(null));
  canvas.addEventListener('click', (event) => boxOf() && choose(layerOf(event)));
}
