// The Attention Tour widget: wires state, data and views. Works in Gradio's gr.HTML and in a plain page alike.

import { mapGradient } from '../shared/color.js';
import { collectParts, prefersStill, setText } from '../shared/dom.js';
import { EmojiPainter, createFontLoader } from '../shared/emoji.js';
import { attachHelp } from '../shared/help.js';
import { debounce, oncePerFrame } from '../shared/schedule.js';
import { watchTheme } from '../shared/theme.js';
import { watchWidths } from '../shared/widths.js';
import { createAnswers } from './answers.js';
import { createBars } from './bars.js';
import { measureTour } from './benchmark.js';
import { createTourControls } from './controls.js';
import { TOUR_GLOSSARY } from './glossary.js';
import { placeIn } from './grids.js';
import { createMatrixView } from './matrixview.js';
import { createPicture } from './picture.js';
import { createReadingList } from './readinglist.js';
import { hasFile, runShape } from './run.js';
import { createScatter } from './scatter.js';
import { captionOf, createSceneMaker } from './scene.js';
import { initialTour, shownHead, tourStep, tourView } from './state.js';
import { createHeadTable, createNumbers } from './tables.js';
import { createTourData } from './tourdata.js';
import { createTypeCard, typesOfHead } from './typecard.js';
import { createWall } from './wall.js';

const VIEW_PAUSE_MS = 300;
const HAS_EXACT = ['pattern', 'scores', 'value'];
const SEEN = 0.4; // part of the picture that must be on the screen for a choice far from it to be seen
const NEEDS_DATA = ['layer', 'unit', 'peek', 'token', 'kind', 'scale', 'thumbs', 'paint'];
const EMPTY_SHAPE = { rows: 0, cols: 0, frames: 1, nPrefix: 0, nTokens: 0, nLayers: 1, nHeads: 1, hasRollout: false, hasLens: false, hasTypes: false, metrics: [] };

function shapeFor(value) {
  const [run] = value.runs;
  return { ...runShape(run), hasRollout: Boolean(run.has_rollout), hasLens: Boolean(run.lens) && hasFile(run, 'lens'),
    hasTypes: Boolean(value.urls?.types), metrics: (run.metrics ?? []).map((metric) => metric.id) };
}

function sameRuns(a, b) {
  const identity = (run) => (run ? [run.key, run.base, run.title, run.picture, run.causal_from] : null);
  return JSON.stringify(a?.runs.map(identity)) === JSON.stringify(b.runs.map(identity));
}

/**
 * Bring the widget to life in an element that holds widget.html.
 *
 * `onEvent(name, data)` hears 'view_change' with {view} once the visitor has paused, and 'open_picture' with {ref} when
 * an example of a head type was chosen, where pages `canOpen` pictures. Returns update(value) and destroy().
 */
export function mount({ element, value, onEvent = () => {}, canOpen = true }) {
  const root = element.querySelector('.pl-attention');
  const parts = collectParts(root);
  const painter = new EmojiPainter();
  const loadFont = createFontLoader(root, painter, () => renderAll());
  const terms = { ...TOUR_GLOSSARY };
  const widths = watchWidths([parts.picture0, parts.picture1, parts.matrix0, parts.matrix1, parts.wallScroll, parts.tour, parts.scatter.parentElement], () => renderAll());
  const data = createTourData({ changed: () => renderSoon() });
  const makeScene = createSceneMaker();
  let state = initialTour();
  let [current, scene, theme, isToSpeak] = [null, null, null, false];
  let [serial, themeSerial, typesSerial, sentView, receivedView, knownTypes] = [0, 0, 0, '', '', null];

  const shape = () => (current ? shapeFor(current) : EMPTY_SHAPE);
  const typesFit = () => scene?.types && scene.types.layers === scene.panes[0].shape.nLayers && scene.types.heads === scene.panes[0].shape.nHeads;
  const typesOf = (layer, unit) => (typesFit() ? typesOfHead(scene.types, layer, unit).map(({ type }) => type.title) : []);
  const api = {
    parts, dispatch, widthOf: widths.widthOf, getScene: () => scene, typesOf, speak: () => {
      isToSpeak = true;
      renderSoon();
    },
    openPicture: canOpen && ((ref) => {
      revealPicture();
      onEvent('open_picture', { ref });
    }),
    revealPicture,
    setTerm: (id, entry) => (terms[id] = entry),
  };
  const toFirst = (index) => (token) => {
    if (!index || token === null || !scene?.panes[1]) return token;
    return placeIn(scene.panes[1].shape, scene.panes[0].shape, token);
  };
  const pictures = [0, 1].map((index) => createPicture({ ...api, holder: parts[`picture${index}`], index, toFirst: toFirst(index) }));
  const matrices = [0, 1].map((index) => createMatrixView({ ...api, holder: parts[`matrix${index}`], index, toFirst: toFirst(index) }));
  const views = [...pictures, ...matrices, createWall(api), createReadingList(api), createBars(api), createTourControls(api), createAnswers(api),
    createScatter(api), createTypeCard(api), createHeadTable(api), createNumbers(api)];
  const viewLater = debounce(sendView, VIEW_PAUSE_MS);
  const renderSoon = oncePerFrame(render);
  parts.layerRamp.style.background = mapGradient();

  function dispatch(action) {
    const next = tourStep(state, action, shape());
    if (next === state) return;
    const needs = NEEDS_DATA.some((field) => next[field] !== state[field]);
    state = next;
    if (needs) follow();
    viewLater();
    renderSoon();
  }
  function follow() {
    if (current) data.follow(current, state);
  }
  function sendView() {
    const view = tourView(state);
    const text = JSON.stringify(view);
    if (text === sentView || !current) return;
    sentView = text;
    onEvent('view_change', { view });
  }
  function renderAll() {
    views.forEach((view) => view.forget());
    renderSoon();
  }
  function render() {
    if (!current || !theme) return;
    scene = makeScene(state, data, { serial, theme, themeSerial, painter, fontReady: painter.family, typesSerial });
    if (scene.types !== knownTypes) {
      knownTypes = scene.types;
      typesSerial += 1;
      scene.typesSerial = typesSerial;
    }
    renderTop();
    views.forEach((view) => view.render());
    labelHelp();
    speak();
  }
  function renderTop() {
    const [a, b] = scene.panes;
    const { layer, unit } = shownHead(state);
    setText(parts.caption, captionOf(scene, typesOf(layer, unit)).replaceAll(' %', '\u00a0%'));
    parts.panes.dataset.compare = String(Boolean(b));
    const notes = [a.run.note, b?.run.note].filter(Boolean);
    parts.runNote.hidden = !notes.length;
    setText(parts.runNote, [...new Set(notes)].join(' '));
    parts.compareNote.hidden = !scene.compareNote;
    setText(parts.compareNote, scene.compareNote ?? '');
    const problem = a.problem ?? b?.problem ?? null;
    root.dataset.phase = problem && !a.images ? 'failed' : a.images && a.unit ? 'ready' : 'loading';
    parts.notice.hidden = !problem;
    setText(parts.notice, problem ?? '');
  }
  // Buttons whose term changes with the state say so to screen readers too.
  function labelHelp() {
    for (const button of [parts.barHelp, parts.kindHelp, parts.scatterXHelp, parts.scatterYHelp]) {
      const label = `What is meant: ${terms[button.dataset.term]?.title ?? ''}`;
      if (button.getAttribute('aria-label') !== label) button.setAttribute('aria-label', label);
    }
  }
  // Said after a step by keyboard, once what is said is there.
  function speak() {
    const [{ unit: matrix, problem, exact, exactProblem, token, reading }] = scene.panes;
    if (!isToSpeak || !(matrix || problem)) return;
    const isExactComing = token !== null && reading?.token === token && !exact && !exactProblem && !problem && HAS_EXACT.includes(state.kind);
    if (isExactComing) return;
    isToSpeak = false;
    const { layer, unit } = shownHead(state);
    setText(parts.spoken, `${captionOf(scene, typesOf(layer, unit))}${state.token === null ? '' : ' Patch locked.'}${state.locked ? ' Head locked.' : ''}`);
  }
  /** Scroll the picture into view, where it is off the screen. */
  function revealPicture() {
    const { top, bottom, height } = parts.picture0.getBoundingClientRect();
    const seen = Math.min(bottom, innerHeight) - Math.max(top, 0);
    if (!height || seen >= SEEN * Math.min(height, innerHeight)) return;
    parts.picture0.scrollIntoView({ behavior: prefersStill() ? 'auto' : 'smooth', block: height < innerHeight ? 'center' : 'start' });
  }
  function takeView(view) {
    receivedView = JSON.stringify(view ?? null);
    if (!view) return; // the visitor's own view stays, and what was not told of it yet still will be
    state = tourStep(state, { type: 'restore', view }, shape());
    sentView = JSON.stringify(tourView(state));
  }
  function learnMetrics() {
    for (const { id, title, unit, formula, meaning } of current.runs[0].metrics ?? []) {
      terms[`metric:${id}`] = { title: `${title} (${unit})`, text: `${meaning}\nFormula: ${formula}` };
    }
  }
  /** Show another value; what both have in common is not fetched again. */
  function update(incoming) {
    const next = incoming ? JSON.parse(JSON.stringify(incoming)) : null;
    if (!next?.runs?.[0]) return;
    const isKnown = current !== null && sameRuns(current, next);
    current = next;
    learnMetrics();
    loadFont(next.urls?.font ?? null);
    if (!isKnown) {
      serial += 1;
      state = tourStep(state, { type: 'fit' }, shape());
    }
    if (!isKnown || JSON.stringify(next.view ?? null) !== receivedView) takeView(next.view);
    follow();
    renderSoon();
  }

  // Keys count while the focus or the pointer is in the widget, so that they work after something beside it was clicked.
  function isMeant({ target }) {
    if (root.contains(target)) return true;
    return root.matches(':hover') && target.closest?.('input, textarea, select, [contenteditable], [role="dialog"], [role="listbox"]') === null;
  }
  function onKey(event) {
    if (event.ctrlKey || event.metaKey || event.altKey || event.defaultPrevented || !isMeant(event)) return;
    if (event.target.matches('select, textarea, input:not([type="range"]):not([type="radio"])') && event.key !== 'Escape') return;
    const pages = event.target.matches('canvas') ? { PageDown: 1, PageUp: -1 }[event.key] : undefined;
    const layers = { ']': 1, '[': -1 }[event.key] ?? pages;
    const heads = { '.': 1, ',': -1 }[event.key];
    if (layers) dispatch({ type: 'stepLayer', by: layers });
    else if (heads) dispatch({ type: 'stepHead', by: heads });
    else if (event.key === 'Escape') dispatch({ type: 'escape', onWall: event.target === parts.wall || event.target === parts.scatter });
    else return;
    event.preventDefault();
    api.speak();
  }
  document.addEventListener('keydown', onKey);
  attachHelp(root, terms);
  const stopTheme = watchTheme(root, (colors) => {
    theme = colors;
    themeSerial += 1;
    renderAll();
  });
  root.__attention = {
    benchmark: (options) => measureTour({ dispatch, render, getState: () => state, shape: shape(),
      canvases: [...pictures, ...matrices].flatMap((view) => view.canvases).filter((canvas) => canvas.offsetParent), ...options }),
    getState: () => ({ ...state, shown: { layer: shownHead(state).layer, unit: shownHead(state).unit }, shownToken: scene?.panes[0].reading?.token ?? null }),
    dispatch,
  };
  element.__attention = root.__attention;
  update(value);

  function destroy() {
    viewLater.cancel();
    data.stop();
    widths.stop();
    stopTheme();
    document.removeEventListener('keydown', onKey);
  }
  return { update, destroy };
}
