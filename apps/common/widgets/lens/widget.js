// The Dogit Lens widget: wires state, data and views. Works in Gradio's gr.HTML and in a plain page alike.

import { collectParts } from '../shared/dom.js';
import { EmojiPainter, loadEmojiFamily } from '../shared/emoji.js';
import { attachHelp } from '../shared/help.js';
import { createLatest, debounce, oncePerFrame } from '../shared/schedule.js';
import { watchTheme } from '../shared/theme.js';
import { watchWidths } from '../shared/widths.js';
import { measureRedraws } from './benchmark.js';
import { createControls } from './controls.js';
import { createDetails } from './details.js';
import { GLOSSARY } from './glossary.js';
import { createLegend } from './legend.js';
import { createLoader } from './loader.js';
import { maskCentres, maskEdges, paintMask } from './maskshape.js';
import { createMatrix } from './matrix.js';
import { colorsFor, scaleFor } from './scale.js';
import { createScores } from './scores.js';
import { createSearch } from './search.js';
import { createStage } from './stage.js';
import { initialState, reduce, shownLayer, shownToken, viewOf } from './state.js';
import { createStrip } from './strip.js';
import { createTable } from './table.js';

const LOOKS = ['color', 'overlay', 'search', 'measure', 'pinned', 'least'];
const AT_LAYER = ['layer', 'peekLayer'];
const AT_TOKEN = ['hover', 'locked'];
const PICTURE = [...LOOKS, ...AT_LAYER, 'opacity', 'names', 'highlight', 'pixels', 'outline', 'large'];
const WITHOUT_DATA_INERT = '.pl-player, .pl-tools, .pl-card';
const FONT_PATIENCE_MS = 1500;
const VIEW_PAUSE_MS = 300;
const TABLE_PAUSE_MS = 120;

const noShape = { rows: 0, cols: 0, nPrefix: 0, nTokens: 0, nLayers: 1, nClasses: 0, hasMask: false };

function shapeFor({ lens, mask }) {
  const { rows, cols, nPrefix, nTokens, nLayers, meta } = lens;
  return { rows, cols, nPrefix, nTokens, nLayers, nClasses: meta.n_classes, hasMask: Boolean(mask && meta.objects) };
}

function maskParts({ mask, lens, vocabulary }) {
  if (!mask || !lens.meta.objects) return { mask: null };
  const { objects } = lens.meta;
  return { mask, maskPicture: paintMask(mask, objects, vocabulary), maskEdges: maskEdges(mask),
    maskCentres: maskCentres(mask, objects.length) };
}

function sameData(a, b) {
  return a !== null && a.key === b.key && ['lens', 'image', 'mask'].every((name) => a.urls[name] === b.urls[name]);
}

/**
 * Bring the widget to life in an element that holds widget.html.
 *
 * `onEvent(name, data)` hears 'view_change' with {view} once the visitor has paused. Returns update(value) and destroy().
 */
export function mount({ element, value, onEvent = () => {} }) {
  const root = element.querySelector('.pl-lens');
  const parts = collectParts(root);
  const painter = new EmojiPainter();
  const loader = createLoader();
  const latest = createLatest();
  const widths = watchWidths([parts.stage, parts.traceChart.parentElement, parts.strip, parts.scoreChart.parentElement,
    parts.matrixScroll], () => renderAll());
  let state = initialState();
  let [drawn, scene, result, found, theme, current, abort] = [null, null, null, null, null, null, null];
  let [serial, sentView, receivedView, fontUrl, fontReady] = [0, '', '', null, Promise.resolve()];

  const shape = () => (result ? shapeFor(result) : noShape);
  const refreshScene = () => {
    if (!result || !theme) return;
    const scale = scaleFor(result.lens, state, found);
    scene = { ...result, ...result.maskParts, state, found, theme, painter, serial, scale,
      colors: colorsFor(result.lens, result.vocabulary, scale) };
  };
  const api = {
    parts, dispatch, widthOf: widths.widthOf, loadClass: loader.loadClass, getScene: () => scene, getState: () => state,
    getResult: () => result, getScores: () => current?.scores ?? null, fail: showNotice,
    setFound: (next) => {
      found = next;
      renderAll();
    },
  };
  const stage = createStage(api);
  const controls = createControls(api);
  const details = createDetails(api);
  const legend = createLegend(api);
  const strip = createStrip(api);
  const matrix = createMatrix(api);
  const search = createSearch(api);
  const scores = createScores(api);
  const table = createTable(api);
  const tableLater = debounce(() => table.render(state.layer), TABLE_PAUSE_MS);
  const viewLater = debounce(sendView, VIEW_PAUSE_MS);
  const renderSoon = oncePerFrame(render);

  function dispatch(action) {
    const next = reduce(state, action, shape());
    if (next === state) return;
    state = next;
    controls.keepTime(root);
    if (!state.playing) viewLater();
    renderSoon();
  }
  function sendView() {
    const view = viewOf(state);
    const text = JSON.stringify(view);
    if (text === sentView || !result) return;
    sentView = text;
    onEvent('view_change', { view });
  }
  function renderAll() {
    drawn = null;
    renderSoon();
  }
  /** Draw what changed since the last time, and nothing else. */
  function render() {
    refreshScene();
    if (!scene) return;
    const before = drawn;
    drawn = state;
    const changed = (...keys) => before === null || keys.flat().some((key) => before[key] !== state[key]);
    if (changed('search')) search.fetchWanted(state.search);
    drawCanvases(changed);
    writeText(changed);
  }
  // All drawing comes before all writing: setting a canvas font makes the browser settle every style written so far.
  function drawCanvases(changed) {
    if (changed(PICTURE)) stage.renderBase();
    if (changed(PICTURE, AT_TOKEN)) stage.renderSelection();
    if (changed(AT_LAYER, AT_TOKEN, 'trace')) details.draw();
    if (changed(AT_LAYER)) scores.draw();
    if (changed(LOOKS)) strip.draw();
    if (changed(LOOKS)) matrix.draw();
  }
  function writeText(changed) {
    if (changed(AT_LAYER, AT_TOKEN, 'trace')) details.render();
    if (changed(AT_LAYER, AT_TOKEN, 'search', 'measure')) search.render();
    if (changed(AT_LAYER, LOOKS)) legend.render();
    if (changed(AT_LAYER)) scores.render();
    if (changed('large')) root.classList.toggle('pl-large', state.large);
    if (changed(Object.keys(state).filter((key) => !AT_TOKEN.includes(key)))) controls.render();
    if (changed(AT_LAYER, AT_TOKEN)) matrix.mark();
    if (changed(AT_LAYER)) strip.mark();
    if (changed('locked')) matrix.reveal(shownToken(state));
    if (changed('layer')) tableLater();
  }

  function showNotice(sentence) {
    parts.notice.textContent = sentence ?? '';
    parts.notice.hidden = !sentence;
  }
  function setPhase(phase) {
    root.dataset.phase = phase;
    parts.skeleton.hidden = result !== null;
    parts.busy.hidden = phase !== 'loading';
    for (const part of root.querySelectorAll(WITHOUT_DATA_INERT)) part.inert = result === null;
    root.setAttribute('aria-busy', String(phase === 'loading'));
  }
  function loadFont(url) {
    if (url === fontUrl) return;
    fontUrl = url;
    fontReady = loadEmojiFamily(url).then((family) => {
      painter.use(family);
      root.style.setProperty('--pl-emoji', family);
      renderAll();
    });
  }
  const patience = () => new Promise((done) => setTimeout(done, FONT_PATIENCE_MS));

  async function load(next) {
    const ticket = latest.begin();
    abort?.abort();
    abort = new AbortController();
    setPhase('loading');
    loadFont(next.urls.font);
    try {
      const [loaded] = await Promise.all([loader.loadResult(next, abort.signal), Promise.race([fontReady, patience()])]);
      if (!ticket.isStale()) accept(next, loaded);
    } catch (error) {
      if (ticket.isStale()) return;
      current = null;
      setPhase('failed');
      showNotice(error.message);
    }
  }
  function accept(next, loaded) {
    result?.image.close();
    result = { ...loaded, maskParts: maskParts(loaded) };
    serial += 1;
    found = null;
    state = reduce(state, { type: 'fit' }, shape());
    takeView(next.view);
    setPhase('ready');
    showNotice(null);
    renderAll();
    scores.fillTwin();
    tableLater();
  }
  function takeView(view) {
    receivedView = JSON.stringify(view ?? null);
    if (view) state = reduce(state, { type: 'restore', view }, shape());
    sentView = JSON.stringify(viewOf(state));
    controls.keepTime(root);
  }
  /** Show another value; where only its view differs nothing is fetched. */
  function update(incoming) {
    const next = incoming ? JSON.parse(JSON.stringify(incoming)) : null;
    if (!next?.urls?.lens) return;
    const known = sameData(current, next);
    const scoresDiffer = JSON.stringify(current?.scores) !== JSON.stringify(next.scores);
    current = next;
    if (!known) {
      load(next);
    } else if (result && (scoresDiffer || JSON.stringify(next.view ?? null) !== receivedView)) {
      takeView(next.view);
      renderAll();
    }
  }

  function onKey(event) {
    if (event.target.matches('input, select, textarea') && event.key !== 'Escape') return;
    const by = { ']': 1, '[': -1, PageUp: 1, PageDown: -1 }[event.key];
    if (by) dispatch({ type: 'stepLayer', by });
    else if (event.key === 'Escape') dispatch({ type: 'clear' });
    else return;
    event.preventDefault();
    if (by && shownToken(state) !== null) stage.speak(shownToken(state));
  }
  root.addEventListener('keydown', onKey);
  attachHelp(root, GLOSSARY);
  const stopTheme = watchTheme(root, (colors) => {
    theme = colors;
    renderAll();
  });
  root.__lens = {
    benchmark: (options) => measureRedraws({ dispatch, render, getState: () => state, shape: shape(), canvas: parts.base, ...options }),
    getState: () => ({ ...state, shownLayer: shownLayer(state), shownToken: shownToken(state) }),
    dispatch,
  };
  element.__lens = root.__lens;
  setPhase('empty');
  update(value);

  function destroy() {
    latest.cancel();
    abort?.abort();
    viewLater.cancel();
    tableLater.cancel();
    controls.stop();
    widths.stop();
    stopTheme();
    root.removeEventListener('keydown', onKey);
  }
  return { update, destroy };
}
