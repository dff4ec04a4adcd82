// The details of one token: its five best classes at this layer, and their path over the layers.

import { canHover, fitCanvas, make, setText } from '../shared/dom.js';
import { formatLogit, formatMargin, formatPercent } from '../shared/format.js';
import { tokenName } from '../shared/geometry.js';
import { cellIndex, topK, tracedClasses, trajectory } from '../shared/lensdata.js';
import { className } from '../shared/vocabulary.js';
import { attachChartPointer, drawChart, valueRange } from '../shared/chart.js';
import { shownLayer, shownToken } from './state.js';

const TRACE_DASHES = [[], [], [6, 3], [6, 3], [2, 3], [2, 3]];
const TRACE_HEIGHT = 190;

function makeRow() {
  const emoji = make('td', { class: 'pl-emoji' });
  const bar = make('span', { class: 'pl-bar' });
  const name = make('span', { class: 'pl-name' });
  const cells = [make('td', { class: 'pl-num' }), make('td', { class: 'pl-num' }), make('td', { class: 'pl-num' })];
  const row = make('tr', {}, emoji, make('td', { class: 'pl-named' }, bar, name), ...cells);
  return { row, emoji, bar, name, cells };
}

function fillRow({ row, emoji, bar, name, cells }, entry, { vocabulary, painter }) {
  row.hidden = !entry;
  if (!entry) return;
  setText(emoji, painter.text(vocabulary.emoji[entry.index]));
  setText(name, className(vocabulary, entry.index));
  name.title = className(vocabulary, entry.index);
  bar.style.width = `${Math.min(100, 100 * entry.probability)}%`;
  bar.style.background = vocabulary.colors[entry.index] ?? '#888888';
  [formatLogit(entry.logit), formatPercent(entry.probability), formatMargin(entry.margin)]
    .forEach((text, i) => setText(cells[i], text));
}

/** View of the details panel. */
export function createDetails({ parts, getScene, dispatch, widthOf }) {
  const rows = Array.from({ length: 5 }, makeRow);
  parts.best.replaceChildren(...rows.map((entry) => entry.row));
  let box = null;
  attachChartPointer(parts.traceChart, () => box, () => getScene().lens.nLayers, {
    preview: (layer) => dispatch({ type: 'peek', layer }),
    choose: (layer) => dispatch({ type: 'layer', layer }),
  });

  function searchedLine(scene, token) {
    const { lens, found, state } = scene;
    if (!found || state.search === null) return null;
    const all = state.trace === 'logit' ? found.logit : found.probability;
    return Float32Array.from({ length: lens.nLayers }, (_, layer) => all[cellIndex(lens, layer, token)]);
  }
  function seriesOf(scene, token) {
    const { lens, vocabulary, state } = scene;
    const searched = searchedLine(scene, token);
    const traced = tracedClasses(lens, state.layer, token).filter((index) => !searched || index !== state.search);
    const lines = traced.map((index, i) => ({ index, dash: TRACE_DASHES[i], values: trajectory(lens, token, index, state.trace) }));
    if (searched) lines.push({ index: state.search, dash: [], width: 3.5, values: searched });
    return lines.map((line) => ({ ...line, color: vocabulary.colors[line.index], emoji: vocabulary.emoji[line.index] }));
  }
  function renderTrace(scene, token) {
    const width = widthOf(parts.traceChart.parentElement);
    if (!width) return;
    const { lens, state, theme, painter } = scene;
    const series = seriesOf(scene, token);
    const isLogit = state.trace === 'logit';
    box = drawChart(fitCanvas(parts.traceChart, width, TRACE_HEIGHT), {
      width, height: TRACE_HEIGHT, series, marker: shownLayer(state), painter, labels: lens.labels, theme,
      range: isLogit ? valueRange(series) : [0, 1.02],
      formatY: isLogit ? (v) => String(Math.round(v * 100) / 100).replace('-', '−') : (v) => `${Math.round(100 * v)} %`,
    });
  }
  function renderHead(scene, token, chosen) {
    const { lens, vocabulary, state, painter } = scene;
    const first = topK(lens, shownLayer(state), token)[0];
    setText(parts.bigEmoji, painter.text(vocabulary.emoji[first.index]));
    setText(parts.bigName, className(vocabulary, first.index));
    const place = token < lens.nPrefix ? `${tokenName(lens, token)} token` : tokenName(lens, token);
    setText(parts.place, `${place} · layer ${lens.labels[shownLayer(state)]}`);
    const hint = chosen === null ? 'Hover a patch to see it, click to lock it' : 'Click or Enter locks';
    setText(parts.lockState, canHover() ? hint : 'Tap a patch');
    parts.unlock.hidden = state.locked === null;
  }
  function draw() {
    const scene = getScene();
    if (scene) renderTrace(scene, shownToken(scene.state) ?? 0);
  }
  function render() {
    const scene = getScene();
    if (!scene) return;
    const chosen = shownToken(scene.state);
    const token = chosen ?? 0;
    renderHead(scene, token, chosen);
    const best = topK(scene.lens, shownLayer(scene.state), token);
    rows.forEach((row, i) => fillRow(row, best[i], scene));
    setText(parts.traceUnit, scene.state.trace === 'logit' ? 'logits' : 'probability');
  }
  return { draw, render };
}
