// Small charts over the axis of steps.

import { fitCanvas } from '../shared/dom.js';
import { namedStops, stepPlace } from './stepaxis.js';

const STEP_PAD = { left: 40, right: 16 };
const STRIP = 46;
const STRIP_TOPS = [22, 94];
const AXIS_Y = 158;
const LEARNED_HEIGHT = 184;
const FINDING = { top: 10, height: 84, all: 112 };

/** The plot's left edge and width on a canvas of this width. */
export function stepPlot(width) {
  return { x: STEP_PAD.left, width: width - STEP_PAD.left - STEP_PAD.right };
}

const xOn = (width, last) => (step) => stepPlot(width).x + stepPlace(step, last) * stepPlot(width).width;

function drawScale(context, { top, height, range, format, theme, width }) {
  context.font = `11px ${theme.font}`;
  context.textAlign = 'right';
  context.textBaseline = 'middle';
  context.lineWidth = 1;
  for (const [value, y] of [[range[1], top], [range[0], top + height]]) {
    context.strokeStyle = theme.line;
    context.beginPath();
    context.moveTo(STEP_PAD.left, y);
    context.lineTo(width - STEP_PAD.right, y);
    context.stroke();
    context.fillStyle = theme.muted;
    context.fillText(format(value), STEP_PAD.left - 6, y);
  }
}

function drawSteps(context, points, { color, width = 2, alpha = 1, dash = [] }) {
  context.save();
  context.globalAlpha = alpha;
  context.strokeStyle = color;
  context.lineWidth = width;
  context.lineJoin = 'round';
  context.setLineDash(dash);
  context.beginPath();
  let open = false;
  for (const { x, y } of points) {
    const known = Number.isFinite(y);
    if (known) context[open ? 'lineTo' : 'moveTo'](x, y);
    open = known;
  }
  context.stroke();
  context.restore();
}

function drawSpot(context, { x, y }, radius, fill, ring) {
  context.beginPath();
  context.arc(x, y, radius, 0, 2 * Math.PI);
  context.fillStyle = fill;
  context.fill();
  if (!ring) return;
  context.strokeStyle = ring;
  context.lineWidth = 2;
  context.stroke();
}

function drawPosition(context, x, top, bottom, theme) {
  context.strokeStyle = theme.accent;
  context.lineWidth = 1.5;
  context.beginPath();
  context.moveTo(x, top);
  context.lineTo(x, bottom);
  context.stroke();
}

function drawStops(context, { stops, target, shown, width, theme }) {
  const xOf = xOn(width, stops.at(-1));
  context.strokeStyle = theme.muted;
  context.lineWidth = 2;
  context.beginPath();
  context.moveTo(xOf(stops[0]), AXIS_Y);
  context.lineTo(xOf(stops.at(-1)), AXIS_Y);
  context.stroke();
  for (const step of stops) drawSpot(context, { x: xOf(step), y: AXIS_Y }, 3, theme.bg, theme.muted);
  context.font = `11px ${theme.font}`;
  context.fillStyle = theme.muted;
  context.textAlign = 'center';
  context.textBaseline = 'top';
  const widthOf = (step) => context.measureText(String(step)).width;
  for (const step of namedStops(stops, { xOf, widthOf, gap: 8 })) context.fillText(String(step), xOf(step), AXIS_Y + 11);
  if (shown !== target) drawSpot(context, { x: xOf(shown), y: AXIS_Y }, 5, theme.bg, theme.accent);
  drawSpot(context, { x: xOf(target), y: AXIS_Y }, 8, theme.accent, theme.bg);
}

/** What was learned: right answers and loss over the steps, and the axis with its stops. */
export function drawLearned(canvas, { rows, stops, target, shown, width, theme }) {
  const context = fitCanvas(canvas, width, LEARNED_HEIGHT);
  context.clearRect(0, 0, width, LEARNED_HEIGHT);
  const xOf = xOn(width, stops.at(-1));
  const top = Math.max(0.1, ...rows.flatMap(([, loss, , held]) => [loss, held]).filter(Number.isFinite));
  const strips = [
    { title: 'right answers', range: [0, 1], format: (v) => `${100 * v} %`, lines: [[2, theme.one, 0.35], [4, theme.one, 1]] },
    { title: 'loss (nats)', range: [0, top], format: (v) => (v ? v.toFixed(1) : '0'), lines: [[1, theme.two, 0.35], [3, theme.two, 1]] },
  ];
  strips.forEach(({ title, range, format, lines }, i) => {
    const box = { top: STRIP_TOPS[i], height: STRIP };
    const yOf = (v) => box.top + (1 - (v - range[0]) / (range[1] - range[0])) * box.height;
    drawScale(context, { ...box, range, format, theme, width });
    context.fillStyle = theme.fg;
    context.textAlign = 'left';
    context.textBaseline = 'alphabetic';
    context.font = `600 11.5px ${theme.font}`;
    context.fillText(title, STEP_PAD.left, box.top - 7);
    for (const [column, color, alpha] of lines) drawSteps(context, rows.map((row) => ({ x: xOf(row[0]), y: yOf(row[column]) })), { color, alpha });
  });
  drawPosition(context, xOf(target), STRIP_TOPS[0] - 4, AXIS_Y, theme);
  strips.forEach(({ range, lines }, i) => {
    const row = rows.find(([step]) => step === target);
    if (!row) return;
    const [column, color] = lines.at(-1);
    drawSpot(context, { x: xOf(target), y: STRIP_TOPS[i] + (1 - row[column] / range[1]) * STRIP }, 4, color, theme.bg);
  });
  drawStops(context, { stops, target, shown, width, theme });
}

/** One finding over the same axis: every line thin, the best thick, its dots filled. */
export function drawFinding(canvas, { finding, steps, stops, target, width, theme }) {
  const context = fitCanvas(canvas, width, FINDING.all);
  context.clearRect(0, 0, width, FINDING.all);
  const xOf = xOn(width, stops.at(-1));
  const { range, lines, best, dots, baseline } = finding;
  const yOf = (v) => FINDING.top + (1 - (v - range[0]) / (range[1] - range[0])) * FINDING.height;
  const format = (v) => v.toFixed(Math.abs(v) < 0.995 && v ? 2 : 0).replace('-', '−');
  drawScale(context, { top: FINDING.top, height: FINDING.height, range, format, theme, width });
  drawSteps(context, [steps[0], stops.at(-1)].map((step) => ({ x: xOf(step), y: yOf(baseline) })), { color: theme.muted, width: 1, dash: [4, 3] });
  const along = (values) => values.map((v, i) => ({ x: xOf(steps[i]), y: yOf(v) }));
  for (const values of lines) drawSteps(context, along(values), { color: theme.three, width: 1, alpha: 0.55 });
  drawSteps(context, along(best), { color: theme.three, width: 2.5 });
  along(best).forEach((point, i) => dots[i] && drawSpot(context, point, 3.5, theme.three, theme.bg));
  drawPosition(context, xOf(target), FINDING.top - 4, FINDING.top + FINDING.height, theme);
  const at = steps.indexOf(target);
  if (at >= 0 && Number.isFinite(best[at])) drawSpot(context, along(best)[at], 4.5, theme.three, theme.bg);
}
