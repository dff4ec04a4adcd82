// The scatter of all heads by two metrics; its points are the wall's thumbnails, so both share one selection.

import { mapColor } from '../shared/color.js';
import { canHover, fitCanvas, make, pointerIn, setText } from '../shared/dom.js';
import { createGate } from '../shared/schedule.js';
import { formatMetric } from './amounts.js';
import { headShort } from './run.js';
import { flatMetric, nearestPoint, nextPoint, scatterAxes, scatterPlace, scatterPoints } from './scatterdata.js';
import { shownHead } from './state.js';

const HEIGHT = 300;
const RADIUS = 4.5;
const SCATTER_KEYS = ['ArrowLeft', 'ArrowRight', 'ArrowUp', 'ArrowDown', 'Home', 'End'];

function tickText(v, unit) {
  if (unit === 'share') return `${Math.round(1000 * v) / 10} %`;
  return String(Math.round(v * 1000) / 1000).replace('-', '−');
}

function axisTitle({ title, unit }) {
  return unit === 'share' ? title : `${title} (${unit})`;
}

function layerColor(layer, nLayers) {
  return mapColor(nLayers < 2 ? 0.5 : 0.08 + 0.84 * (layer / (nLayers - 1)));
}

function drawAxis(context, { axes, theme, metrics }) {
  const { box } = axes;
  context.font = `11px ${theme.font}`;
  context.fillStyle = theme.muted;
  context.textBaseline = 'middle';
  context.textAlign = 'right';
  const line = (x, y, w, h) => {
    context.fillStyle = theme.line;
    context.fillRect(x, y, w, h);
    context.fillStyle = theme.muted;
  };
  for (const tick of axes.ticksY) {
    const { y } = scatterPlace(axes, { x: axes.x[0], y: tick });
    line(box.x, y, box.width, 1);
    context.fillText(tickText(tick, metrics.y.unit), box.x - 6, y);
  }
  context.textAlign = 'center';
  for (const tick of axes.ticksX) {
    const { x } = scatterPlace(axes, { x: tick, y: axes.y[0] });
    line(x, box.y, 1, box.height);
    context.fillText(tickText(tick, metrics.x.unit), x, box.y + box.height + 12);
  }
  context.fillStyle = theme.fg;
  context.textAlign = 'right';
  context.fillText(`${axisTitle(metrics.x)} →`, box.x + box.width, box.y + box.height + 28);
  context.textAlign = 'left';
  context.fillText(`↑ ${axisTitle(metrics.y)}`, box.x - 40, box.y - 16);
}

function drawDot(context, { x, y }, radius, fill, stroke, width = 1) {
  context.beginPath();
  context.arc(x, y, radius, 0, 2 * Math.PI);
  context.fillStyle = fill;
  context.fill();
  context.lineWidth = width;
  context.strokeStyle = stroke;
  context.stroke();
}

function drawLabel(context, { theme, axes }, place, text) {
  context.font = `600 11.5px ${theme.font}`;
  const width = context.measureText(text).width + 12;
  const x = Math.min(place.x + 10, axes.box.x + axes.box.width - width);
  const y = place.y > axes.box.y + 30 ? place.y - 24 : place.y + 10;
  context.fillStyle = 'rgba(12,14,20,.92)';
  context.beginPath();
  context.roundRect(x, y, width, 19, 5);
  context.fill();
  context.fillStyle = '#ffffff';
  context.textAlign = 'left';
  context.textBaseline = 'middle';
  context.fillText(text, x + 6, y + 10);
}

/** View of the scatter; selects choose the metrics, `setTerm` gives a "?" the text of a metric. */
export function createScatter({ parts, getScene, dispatch, widthOf, speak, revealPicture }) {
  const { scatter, scatterBase, scatterX, scatterY, over } = parts;
  const [below, above, selects] = [createGate(), createGate(), createGate()];
  let [axes, points] = [null, []];

  scatterX.addEventListener('change', () => dispatch({ type: 'metric', axis: 'x', id: scatterX.value }));
  scatterY.addEventListener('change', () => dispatch({ type: 'metric', axis: 'y', id: scatterY.value }));

  function fillSelects({ panes: [{ run }], state }) {
    if (selects.opens(run.metrics.map((metric) => metric.id).join())) {
      for (const select of [scatterX, scatterY]) {
        select.replaceChildren(...run.metrics.map((metric) => make('option', { value: metric.id, text: metric.title })));
      }
    }
    [scatterX.value, scatterY.value] = [state.x, state.y];
    [parts.scatterXHelp.dataset.term, parts.scatterYHelp.dataset.term] = [`metric:${state.x}`, `metric:${state.y}`];
  }
  function valuesOf({ state, panes, types }, id, i) {
    if (state.over === 'dataset' && types && i === 0) return flatMetric(types.metrics?.[id]);
    return panes[i]?.metrics?.[id] ?? null;
  }
  function pointsOf(scene, i) {
    return scatterPoints(valuesOf(scene, scene.state.x, i), valuesOf(scene, scene.state.y, i), scene.panes[i].shape.nHeads);
  }
  function metricsOf({ state, panes: [{ run }] }) {
    const find = (id) => run.metrics.find((metric) => metric.id === id);
    return { x: find(state.x), y: find(state.y) };
  }
  function drawPoints(context, scene, view) {
    drawAxis(context, view);
    const { nLayers } = scene.panes[0].shape;
    for (const point of points) drawDot(context, scatterPlace(axes, point), RADIUS, layerColor(point.layer, nLayers), view.theme.bg);
  }
  function drawSelected(context, scene, view) {
    context.clearRect(0, 0, view.width, HEIGHT);
    const head = shownHead(scene.state);
    const point = points.find((p) => p.layer === head.layer && p.unit === head.unit);
    const { nLayers } = scene.panes[0].shape;
    if (!Number.isInteger(head.unit)) {
      for (const p of points.filter((p) => p.layer === head.layer)) drawDot(context, scatterPlace(axes, p), RADIUS + 1.5, layerColor(p.layer, nLayers), view.theme.accent, 2);
    }
    if (!point) return;
    const place = scatterPlace(axes, point);
    drawShift(context, scene, view, place);
    drawDot(context, place, RADIUS + 3, layerColor(point.layer, nLayers), view.theme.bg, 5);
    drawDot(context, place, RADIUS + 3, layerColor(point.layer, nLayers), view.theme.accent, 2.5);
    const { x, y } = view.metrics;
    drawLabel(context, view, place, `${headShort(point.layer, point.unit)} · ${formatMetric(point.x, x.unit)} · ${formatMetric(point.y, y.unit)}`);
  }
  // Where the same head lies in the second run.
  function drawShift(context, scene, view, from) {
    const b = scene.panes[1];
    if (!b?.metrics || scene.state.over === 'dataset') return;
    const found = pointsOf(scene, 1).find((p) => p.layer === b.head.layer && p.unit === b.head.unit);
    if (!found) return;
    const to = scatterPlace(axes, found);
    context.strokeStyle = view.theme.accent;
    context.lineWidth = 1.5;
    context.setLineDash([4, 3]);
    context.beginPath();
    context.moveTo(from.x, from.y);
    context.lineTo(to.x, to.y);
    context.stroke();
    context.setLineDash([]);
    drawDot(context, to, RADIUS + 1, view.theme.bg, view.theme.accent, 2);
  }
  function render() {
    const scene = getScene();
    const pane = scene?.panes[0];
    parts.scatterCard.hidden = !pane?.run.metrics?.length;
    const width = widthOf(scatter.parentElement);
    if (!pane?.run.metrics?.length || !width) return;
    fillSelects(scene);
    const { state } = scene;
    const key = [scene.serial, Boolean(pane.metrics), Boolean(scene.types), state.x, state.y, state.over, width, devicePixelRatio, scene.themeSerial];
    const metrics = metricsOf(scene);
    if (below.opens(key.join())) {
      points = pointsOf(scene, 0);
      axes = scatterAxes(points, width, HEIGHT);
      const context = fitCanvas(scatterBase, width, HEIGHT);
      context.clearRect(0, 0, width, HEIGHT);
      drawPoints(context, scene, { axes, metrics, theme: scene.theme });
      above.reset();
      setText(parts.scatterNote, noteOf(scene));
      [parts.scatterFirst.textContent, parts.scatterLast.textContent] = ['layer 0', `layer ${pane.shape.nLayers - 1}`];
    }
    const head = shownHead(state);
    if (!above.opens([head.layer, head.unit, scene.panes[1]?.head.layer, scene.panes[1]?.head.unit, Boolean(scene.panes[1]?.metrics)].join())) return;
    drawSelected(fitCanvas(scatter, width, HEIGHT), scene, { axes, metrics, theme: scene.theme, width });
  }
  function noteOf({ state, types, panes: [pane] }) {
    const left = pane.shape.nLayers * pane.shape.nHeads - points.length;
    const missing = left && points.length ? ` ${left} heads have no value here.` : '';
    if (!pane.metrics && state.over === 'picture') return 'Loading…';
    return `${state.over === 'dataset' && types ? `Means over ${types.source}.` : 'Measured on this picture.'}${missing}`;
  }

  const pointOf = (event) => axes && nearestPoint(points, axes, pointerIn(scatter, event), canHover() ? 14 : 24);
  const headOf = (point) => (point ? { layer: point.layer, unit: point.unit } : null);
  scatter.addEventListener('pointermove', (event) => event.pointerType !== 'touch' && dispatch({ type: 'peekHead', head: headOf(pointOf(event)) }));
  scatter.addEventListener('pointerleave', (event) => event.pointerType !== 'touch' && dispatch({ type: 'peekHead', head: null }));
  scatter.addEventListener('click', (event) => {
    const head = headOf(pointOf(event));
    if (!head) return;
    dispatch({ type: 'lockHead', head });
    revealPicture();
  });
  scatter.addEventListener('keydown', (event) => {
    const next = SCATTER_KEYS.includes(event.key) ? nextPoint(points, shownHead(getScene().state), event.key) : null;
    if (next) dispatch({ type: 'head', head: headOf(next) });
    else if (event.key === 'Enter' || event.key === ' ') dispatch({ type: 'toggleHead' });
    else return;
    event.preventDefault();
    speak();
  });
  function forget() {
    below.reset();
    above.reset();
  }
  return { render, forget, canvas: scatter, over };
}
