// The evolution plot: how the chosen classes fare through the layers, at CLS or at any patch that is clicked in the small picture.

import { drawPrefixBox, paintBackdrop, strokeCell } from '../shared/canvas.js';
import { attachChartPointer, drawChart, valueRange } from '../shared/chart.js';
import { fitCanvas, make, pointerIn, setEmojiText, setText } from '../shared/dom.js';
import { formatLogit } from '../shared/format.js';
import { layoutStage, MOVE_KEYS, moveToken, tokenAt, tokenName, tokenRect } from '../shared/geometry.js';
import { createGate } from '../shared/schedule.js';
import { showSegment, wireSegments } from '../shared/segments.js';
import { evolutionClasses, evolutionSentence, evolutionSeries, heightPlace, pointWords } from './evolutiondata.js';

const EVOLUTION_HEIGHT = 250;
const PICKER_MOST = 150;

/** View of the plot and of its token picker. */
export function createEvolutionCard({ parts, getScene, dispatch, widthOf }) {
  const [wordsGate, chartGate, pickerGate] = [createGate(), createGate(), createGate()];
  const { evolutionChart, tokenPicker } = parts;
  let [box, marker, layout] = [null, null, null];
  wireSegments(parts.plot, 'plot', dispatch);
  attachChartPointer(evolutionChart, () => box, () => getScene().run.evolution.labels.length, { preview: mark, choose: mark });
  evolutionChart.addEventListener('keydown', (event) => {
    const step = { ArrowRight: 1, ArrowLeft: -1 }[event.key];
    const evolution = getScene()?.run.evolution;
    if (!step || !evolution) return;
    event.preventDefault();
    mark(Math.max(0, Math.min(evolution.labels.length - 1, (marker ?? (step > 0 ? -1 : evolution.labels.length)) + step)));
  });

  function mark(point) {
    marker = point;
    render();
  }
  function drawLines({ run, state, theme, painter }) {
    const series = evolutionSeries(run, state.plot, theme);
    const isRank = state.plot === 'rank';
    const width = widthOf(evolutionChart.parentElement);
    const [low, high] = valueRange(series);
    const zero = state.plot === 'difference' ? [Math.min(low, -0.5), Math.max(high, 0.5)] : [low, high];
    box = drawChart(fitCanvas(evolutionChart, width, EVOLUTION_HEIGHT), {
      width, height: EVOLUTION_HEIGHT, series, marker, theme, painter: state.plot === 'difference' ? null : painter,
      labels: run.evolution.labels, range: isRank ? [Math.min(low, -0.3), 0.08] : zero,
      formatY: isRank ? (v) => String(heightPlace(v)) : (v) => formatLogit(v).replace(/\.00$/, '').replace(/(\.\d)0$/, '$1') });
  }
  function fillWords({ run, shape, state }) {
    const token = run.evolution.token;
    setEmojiText(parts.evolutionSentence, evolutionSentence(run, token < shape.nPrefix ? tokenName(shape, token) : `the patch in ${tokenName(shape, token)}`));
    setEmojiText(parts.evolutionPoint, marker === null ? 'Point at the plot for its numbers.' : pointWords(run, marker, state.plot));
    const colors = ['one', 'two', 'muted'];
    parts.evolutionKeys.replaceChildren(
      ...(state.plot === 'difference' ? [] : evolutionClasses(run).map((named, i) => make('li', {}, make('span', { class: `pl-key pl-ink-${colors[i]}` }), named.name))),
      make('li', {}, make('span', { class: 'pl-key' }), 'clean'), make('li', {}, make('span', { class: 'pl-key pl-keydash' }), 'corrupt'),
      make('li', { class: 'pl-muted', text: { logit: '↑ logits', rank: '↑ place among all classes', difference: `↑ ${run.metric.name}` }[state.plot] }));
    evolutionChart.setAttribute('aria-label', `${parts.evolutionSentence.textContent} Left and right arrows move along the layers.`);
  }
  function drawPicker({ run, shape, state, images, theme }) {
    const width = Math.min(PICKER_MOST, widthOf(tokenPicker.parentElement) || PICKER_MOST);
    layout = layoutStage({ ...shape, width, image: run.image });
    const context = fitCanvas(tokenPicker, layout.width, layout.height);
    context.clearRect(0, 0, layout.width, layout.height);
    const picture = layout.pictures[0];
    if (images.clean) context.drawImage(paintBackdrop(images.clean, picture, false), picture.x, picture.y, picture.width, picture.height);
    layout.prefix.forEach((rect, token) => drawPrefixBox(context, theme, rect, shape.prefixNames[token] ?? ''));
    strokeCell(context, tokenRect(layout, state.evolutionToken), true);
    const name = tokenName(shape, state.evolutionToken);
    setText(parts.pickerName, `at ${name}`);
    tokenPicker.setAttribute('aria-label', `Token of the plot: ${name}. Arrow keys choose another.`);
  }
  function render() {
    const scene = getScene();
    const evolution = scene?.run.evolution;
    parts.evolutionCard.hidden = !evolution;
    if (!evolution || !widthOf(evolutionChart.parentElement)) return;
    const { state, versions } = scene;
    showSegment(parts.plot, state.plot);
    parts.evolutionCard.dataset.busy = String(state.evolutionToken !== evolution.token);
    if (marker !== null && marker >= evolution.labels.length) marker = null;
    const look = [versions.run, scene.themeSerial, scene.fontReady, widthOf(evolutionChart.parentElement), devicePixelRatio];
    if (wordsGate.opens([versions.run, marker, state.plot].join())) fillWords(scene);
    if (chartGate.opens([...look, marker, state.plot].join())) drawLines(scene);
    if (pickerGate.opens([...look, versions.images, state.evolutionToken].join())) drawPicker(scene);
  }

  tokenPicker.addEventListener('click', (event) => {
    const { x, y } = pointerIn(tokenPicker, event);
    const token = layout && tokenAt(layout, x, y);
    if (token !== null) dispatch({ type: 'evolutionToken', value: token });
  });
  tokenPicker.addEventListener('keydown', (event) => {
    if (!MOVE_KEYS.includes(event.key) || event.ctrlKey || event.metaKey || event.altKey) return;
    event.preventDefault();
    const { shape, state } = getScene();
    dispatch({ type: 'evolutionToken', value: moveToken(shape, state.evolutionToken, event.key) });
  });
  function forget() {
    for (const gate of [wordsGate, chartGate, pickerGate]) gate.reset();
  }
  return { render, forget };
}
