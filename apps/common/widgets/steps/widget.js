// The training-step scrubber: charts to drag along, keys, play; the model is run when the visitor lets go.

import { collectParts, make, setText } from '../shared/dom.js';
import { fetchJson } from '../shared/fetching.js';
import { createLatest, oncePerFrame } from '../shared/schedule.js';
import { watchTheme } from '../shared/theme.js';
import { watchWidths } from '../shared/widths.js';
import { createStepAsker } from './stepasking.js';
import { nearestStop, stopByKey } from './stepaxis.js';
import { findingsOf } from './stepfindings.js';
import { drawFinding, drawLearned, stepPlot } from './steppaint.js';
import { stepTable } from './steptable.js';
import { stopLine } from './stepwords.js';

const PACE_MS = 1200; // between an answer and the next step while playing
const NARROW = '(max-width: 700px)'; // where what belongs to the page would be pushed out of sight

/**
 * Bring the scrubber to life in an element that holds widget.html.
 *
 * `onEvent('step', {model, step, at})` is called for one step at a time; the value that shows it is the answer.
 */
export function mount({ element, value, onEvent = () => {} }) {
  const root = element.querySelector('.pl-steps');
  const parts = collectParts(root);
  const latest = createLatest();
  const draw = oncePerFrame(paint);
  const widths = watchWidths([parts.track, parts.found], draw);
  let [data, findings, url, model] = [null, [], null, null];
  let [theme, preview, isPlaying, timer, pressed] = [null, null, false, null, null];
  const asker = createStepAsker({ ask: (step, at) => onEvent('step', { model, step, at }) });
  const shownStep = () => preview ?? asker.target;

  function paint() {
    if (!data || !theme) return;
    const { stops, rows } = data;
    const [target, width] = [shownStep(), widths.widthOf(parts.track)];
    if (width) drawLearned(parts.learned, { rows, stops, target, shown: asker.shown, width, theme });
    paintFinding();
  }
  function paintFinding() {
    const finding = findings.find(({ id }) => id === parts.which.value);
    const width = widths.widthOf(parts.found);
    if (!finding || !width) return;
    const { steps } = data.curves;
    const target = shownStep();
    drawFinding(parts.finding, { finding, steps, stops: data.stops, target, width, theme });
    const at = steps.indexOf(target);
    setText(parts.foundLine, at < 0 ? `Step ${target} was not measured.` : finding.sentence(at));
    setText(parts.about, finding.about);
  }
  function render() {
    if (!data) return;
    const target = shownStep();
    const text = stopLine(data.rows, target);
    setText(parts.line, text);
    const at = { 'aria-valuemin': data.stops[0], 'aria-valuemax': data.stops.at(-1), 'aria-valuenow': target, 'aria-valuetext': text };
    for (const [name, content] of Object.entries(at)) parts.track.setAttribute(name, String(content));
    setText(parts.play, isPlaying ? '■ Stop' : '▶ Play');
    parts.play.setAttribute('aria-label', isPlaying ? 'Stop playing' : 'Play the training step by step');
    root.dataset.step = String(asker.shown);
    root.dataset.waiting = String(asker.isWaiting);
    if (parts.twin.open) parts.table.replaceChildren(stepTable(data, asker.shown));
    draw();
  }

  async function load(next) {
    const ticket = latest.begin();
    url = next;
    try {
      const found = await fetchJson(next, 'The history of this model');
      if (ticket.isStale()) return;
      show(found);
    } catch (error) {
      if (ticket.isStale()) return;
      url = null;
      setText(parts.notice, error.message);
      parts.notice.hidden = false;
      root.hidden = false;
    }
  }
  function show(found) {
    data = found;
    findings = findingsOf(found.curves);
    parts.notice.hidden = true;
    if (parts.found.hidden && findings.length) parts.found.open = !matchMedia(NARROW).matches;
    parts.found.hidden = !findings.length;
    const chosen = parts.which.value;
    parts.which.replaceChildren(...findings.map(({ id, title }) => make('option', { value: id, text: title })));
    if (findings.some(({ id }) => id === chosen)) parts.which.value = chosen;
    root.hidden = false;
    root.dataset.phase = 'ready';
    settle();
  }
  // The value and the table may come in either order.
  function settle() {
    if (!data || !value?.url) return;
    const step = value.step ?? data.stops.at(-1);
    if (model !== value.model) {
      model = value.model;
      stop();
      asker.begin(step);
    } else {
      const isAnswer = asker.answered(step, value.refused);
      if (value.refused) stop();
      else if (isAnswer && isPlaying) later();
    }
    render();
  }
  function update(next) {
    value = next;
    if (!value?.url) {
      latest.cancel();
      stop();
      [data, url, model] = [null, null, null];
      root.hidden = true;
      root.dataset.phase = 'empty';
    } else if (value.url !== url) load(value.url);
    else settle();
  }

  function want(step) {
    preview = null;
    asker.want(step);
    render();
  }
  function play() {
    isPlaying = true;
    const { stops } = data;
    if (asker.target === stops.at(-1)) want(stops[0]);
    else forward();
    render();
  }
  function forward() {
    const next = stopByKey(data.stops, asker.target, 'ArrowRight');
    if (next === asker.target) stop();
    else want(next);
  }
  function later() {
    clearTimeout(timer);
    if (asker.target === data.stops.at(-1)) stop();
    else timer = setTimeout(() => isPlaying && forward(), PACE_MS);
  }
  function stop() {
    clearTimeout(timer);
    if (!isPlaying) return;
    isPlaying = false;
    render();
  }

  function stepUnder(event, canvas) {
    const box = canvas.getBoundingClientRect();
    const plot = stepPlot(box.width);
    return nearestStop(data.stops, Math.max(0, Math.min(1, (event.clientX - box.left - plot.x) / plot.width)));
  }
  function drag(surface, canvas) {
    surface.addEventListener('pointerdown', (event) => {
      if (!data || event.button !== 0) return;
      stop();
      pressed = event.pointerId;
      surface.setPointerCapture(event.pointerId);
      preview = stepUnder(event, canvas);
      render();
    });
    surface.addEventListener('pointermove', (event) => {
      if (pressed !== event.pointerId) return;
      const step = stepUnder(event, canvas);
      if (step === preview) return;
      preview = step;
      render();
    });
    surface.addEventListener('pointerup', (event) => {
      if (pressed !== event.pointerId) return;
      pressed = null;
      want(preview);
    });
    surface.addEventListener('pointercancel', () => {
      [pressed, preview] = [null, null];
      render();
    });
  }
  drag(parts.track, parts.learned);
  drag(parts.finding, parts.finding);
  parts.track.addEventListener('keydown', (event) => {
    if (!data || event.altKey || event.ctrlKey || event.metaKey) return;
    const step = stopByKey(data.stops, shownStep(), event.key);
    if (step === null) return;
    event.preventDefault();
    stop();
    want(step);
  });
  parts.play.addEventListener('click', () => data && (isPlaying ? stop() : play()));
  parts.which.addEventListener('change', draw);
  parts.found.addEventListener('toggle', draw);
  parts.twin.addEventListener('toggle', render);
  // While it plays Esc stops it, wherever the focus is, and does nothing else.
  addEventListener('keydown', (event) => {
    if (event.key !== 'Escape' || !(isPlaying || preview !== null) || !root.isConnected) return;
    event.preventDefault();
    event.stopImmediatePropagation();
    [pressed, preview] = [null, null];
    stop();
    render();
  }, { capture: true });
  watchTheme(root, (colors) => {
    theme = colors;
    draw();
  });
  update(value);
  return { update };
}
