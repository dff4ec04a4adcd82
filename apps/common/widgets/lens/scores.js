// How well the lens segments, layer by layer: this scene, the best constant answer, and the mean over held-out scenes.

import { fitCanvas, make, setText } from '../shared/dom.js';
import { attachChartPointer, drawChart } from '../shared/chart.js';
import { shownLayer } from './state.js';

const SCORES_HEIGHT = 210;

const score = (v) => (Number.isFinite(v) ? v.toFixed(2) : '–');

function constant(value, n) {
  return new Array(n).fill(value);
}

/** Lines and bands of the chart for scores as the contract has them. */
export function scoreLines(scores, theme) {
  const n = scores.iou.length;
  const series = [
    { values: constant(scores.baseline_iou, n), color: theme.one, dash: [5, 4], width: 1.5 },
    { values: constant(scores.baseline_accuracy, n), color: theme.two, dash: [5, 4], width: 1.5 },
    { values: scores.accuracy, color: theme.two },
    { values: scores.iou, color: theme.one, width: 2.5 },
  ];
  if (!scores.heldout) return { series, bands: [] };
  const { iou, low, high, baseline } = scores.heldout;
  const held = [{ values: constant(baseline, n), color: theme.three, dash: [2, 3], width: 1.5 }, { values: iou, color: theme.three }];
  return { series: [...held, ...series], bands: [{ low, high, color: theme.three }] };
}

/** The numbers of one layer as a sentence, the chart's text twin. */
export function scoreSentence(scores, label, layer) {
  const here = `At ${label}: IoU ${score(scores.iou[layer])} (constant answer ${score(scores.baseline_iou)}), `
    + `pixel accuracy ${score(scores.accuracy[layer])} (constant answer ${score(scores.baseline_accuracy)}).`;
  if (!scores.heldout) return here;
  const { iou, low, high, baseline, n_scenes: count } = scores.heldout;
  return `${here} On ${count.toLocaleString('en')} held-out scenes: IoU ${score(iou[layer])} `
    + `(95 % interval ${score(low[layer])} to ${score(high[layer])}; constant answer ${score(baseline)}).`;
}

function scoreTable({ iou, accuracy, heldout }, labels) {
  const names = ['Layer', 'IoU', 'Pixel accuracy', ...(heldout ? ['Held-out IoU', 'Interval'] : [])];
  const head = make('tr', {}, ...names.map((text) => make('th', { scope: 'col', text })));
  const rows = labels.map((label, i) => {
    const held = heldout ? [score(heldout.iou[i]), `${score(heldout.low[i])}–${score(heldout.high[i])}`] : [];
    const cells = [score(iou[i]), score(accuracy[i]), ...held].map((text) => make('td', { class: 'pl-num', text }));
    return make('tr', {}, make('th', { scope: 'row', text: label }), ...cells);
  });
  return make('table', { class: 'pl-table' }, make('thead', {}, head), make('tbody', {}, ...rows));
}

/** View of the scores; hidden where there are none. */
export function createScores({ parts, getScene, getScores, dispatch, widthOf }) {
  let box = null;
  attachChartPointer(parts.scoreChart, () => box, () => getScene().lens.nLayers, {
    preview: (layer) => dispatch({ type: 'peek', layer }),
    choose: (layer) => dispatch({ type: 'layer', layer }),
  });
  parts.scoreTwin.addEventListener('toggle', fillTwin);

  function fillTwin() {
    const scores = getScores();
    if (!parts.scoreTwin.open || !scores || !getScene()) return;
    parts.scoreTable.replaceChildren(scoreTable(scores, getScene().lens.labels));
  }
  function draw() {
    const [scene, scores] = [getScene(), getScores()];
    const width = widthOf(parts.scoreChart.parentElement);
    if (!scene || !scores || !width || scores.iou.length !== scene.lens.nLayers) return;
    const layer = shownLayer(scene.state);
    box = drawChart(fitCanvas(parts.scoreChart, width, SCORES_HEIGHT), {
      width, height: SCORES_HEIGHT, ...scoreLines(scores, scene.theme), marker: layer, painter: null,
      labels: scene.lens.labels, theme: scene.theme, range: [0, 1.02], formatY: (v) => v.toFixed(2).replace(/0$/, ''),
    });
  }
  function render() {
    const [scene, scores] = [getScene(), getScores()];
    parts.scores.hidden = !scores;
    if (!scene || !scores) return;
    const layer = shownLayer(scene.state);
    parts.heldKey.hidden = !scores.heldout;
    setText(parts.scoreText, scoreSentence(scores, scene.lens.labels[layer], layer));
  }
  return { draw, render, fillTwin };
}
