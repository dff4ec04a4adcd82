// The patching widget: wires state, value and views. Works in Gradio's gr.HTML and in a plain page alike.

import { collectParts, setEmojiText, setText } from '../shared/dom.js';
import { EmojiPainter, createFontLoader } from '../shared/emoji.js';
import { attachHelp } from '../shared/help.js';
import { debounce, oncePerFrame } from '../shared/schedule.js';
import { createSections } from '../shared/sections.js';
import { watchTheme } from '../shared/theme.js';
import { watchWidths } from '../shared/widths.js';
import { createAsking } from './asking.js';
import { createAttributionCard } from './attributioncard.js';
import { createColumns } from './columns.js';
import { createEvolutionCard } from './evolutioncard.js';
import { createFlipCard } from './flipcard.js';
import { createGeneralCard } from './generalcard.js';
import { PATCHING_GLOSSARY } from './glossary.js';
import { createHeatPanel } from './heatpanel.js';
import { createPictures } from './pictures.js';
import { chipKey, chipsKey, patchShape } from './places.js';
import { createReadout } from './readout.js';
import { createReadsCard } from './readscard.js';
import { initialPatching, patchingStep, patchingView, toldCell, toldPanel } from './state.js';
import { createSweepControls } from './sweepcontrols.js';
import { chipOfCell, isWanted, readSweep } from './sweepdata.js';
import { createTwins } from './twins.js';
import { appliedWords, cellWords, questionWords } from './words.js';

const VIEW_PAUSE_MS = 300;
const SECTIONS = ['run', 'sweep', 'applied', 'flip', 'general', 'reads'];
const NOWHERE = { rows: 0, cols: 0, nPrefix: 0, prefixNames: [], nTokens: 0, nLayers: 1, nHeads: 1, sites: [] };
const PANELS = [
  { direction: 'denoise', title: 'Clean into corrupt: is it enough?' }, { direction: 'noise', title: 'Corrupt into clean: is it needed?' },
  { direction: 'preview', title: 'The estimate.' },
];

/**
 * Bring the widget to life in an element that holds widget.html.
 *
 * `onEvent(name, data)` hears 'sweep', 'apply', 'flip', 'generality', 'reads', 'evolution' and 'cancel' when the visitor asks for
 * something, and 'view_change' with {view} once the visitor has paused. Returns update(value) and destroy().
 */
export function mount({ element, value, onEvent = () => {} }) {
  const root = element.querySelector('.pl-patching');
  const parts = collectParts(root);
  const painter = new EmojiPainter();
  const loadFont = createFontLoader(root, painter, () => renderAll());
  const terms = { ...PATCHING_GLOSSARY };
  const sections = createSections(SECTIONS);
  sections.versions.images = 0;
  const measured = [parts.denoisePanel, parts.noisePanel, parts.previewPanel, parts.evolutionChart.parentElement, parts.tokenPicker.parentElement,
    parts.attributionChart.parentElement, parts.cleanReads];
  const widths = watchWidths(measured, () => renderAll());
  const pictures = createPictures({ failed: (sentence) => tell(sentence), changed: () => {
    sections.versions.images += 1;
    renderSoon();
  } });
  let [state, shape, current, data] = [initialPatching(), NOWHERE, null, null];
  let [theme, themeSerial, sentView, receivedView, isToSpeak] = [null, 0, '', '', false];
  const asking = createAsking({ onEvent, getState: () => state, getShape: () => shape, changed: () => renderSoon() });
  const viewLater = debounce(sendView, VIEW_PAUSE_MS);
  const renderSoon = oncePerFrame(render);
  const api = {
    parts, dispatch, widthOf: widths.widthOf, getScene: () => (current?.run && theme ? sceneNow() : null), speak: () => {
      isToSpeak = true;
      renderSoon();
    },
    askSweep: asking.sweep, askFlip: asking.flip, askGeneral: asking.general, cancel: asking.cancel,
    askReads: (head) => dispatch({ type: 'reads', head }),
  };
  const panels = PANELS.map((panel) => createHeatPanel({ ...api, ...panel, holder: parts[`${panel.direction}Panel`] }));
  const views = [createColumns(api), createSweepControls(api), ...panels, createReadout(api), createFlipCard(api), createGeneralCard(api),
    createEvolutionCard(api), createAttributionCard(api), createReadsCard(api), createTwins(api)];

  function sceneNow() {
    const { run, sweep, applied, flip, general, reads } = current;
    return { run, shape, state, data, sweep, applied, flip, general, reads, painter, theme, themeSerial, terms, fontReady: painter.family,
      images: pictures.images, versions: sections.versions, direction: toldPanel(state), isWanted: Boolean(data) && isWanted(sweep, state, shape),
      isApplying: asking.pending.isWaiting(), isFlipping: asking.waiting.flip, isGeneral: asking.waiting.general };
  }
  function dispatch(action) {
    const before = state;
    state = patchingStep(state, action, shape);
    if (state === before) return;
    asking.follow(before, state);
    viewLater();
    renderSoon();
  }
  function sendView() {
    const view = patchingView(state);
    const text = JSON.stringify(view);
    if (text === sentView || !current?.run) return;
    sentView = text;
    onEvent('view_change', { view });
  }
  function tell(sentence) {
    parts.notice.hidden = !sentence;
    setText(parts.notice, sentence ?? '');
  }
  function renderAll() {
    views.forEach((view) => view.forget());
    renderSoon();
  }
  function captionNow(scene) {
    const cell = data && toldCell(state);
    const chip = cell ? chipOfCell(data, cell) : null;
    const isPutIn = chip && state.chips.some((other) => chipKey(shape, other) === chipKey(shape, chip));
    if (cell && (state.hover || !isPutIn)) return cellWords({ ...scene, cell, chip });
    if (scene.isApplying) return parts.caption.textContent; // what it was, until there is an answer
    return scene.applied?.chips.length ? appliedWords(scene) : questionWords(scene.run);
  }
  function render() {
    const scene = api.getScene();
    root.dataset.phase = current?.run ? 'ready' : 'empty';
    if (!scene) return;
    root.dataset.sweep = scene.isWanted ? (scene.sweep?.state ?? 'none') : 'waiting';
    setEmojiText(parts.caption, captionNow(scene));
    views.forEach((view) => view.render());
    if (!isToSpeak || scene.isApplying) return;
    isToSpeak = false;
    setText(parts.spoken, `${captionNow(scene)} ${parts.readoutNumbers.textContent}${state.chips.length ? ` ${state.chips.length} put in.` : ''}`);
  }
  // Chips that the server answered become the visitor's own, unless the visitor has changed them since.
  function takeApplied(applied) {
    const chips = applied?.chips ?? [];
    const meaning = asking.pending.settle(chipsKey(shape, chips));
    if (meaning === 'late') return;
    state = patchingStep(state, { type: 'chips', chips }, shape);
  }
  function takeView(view) {
    receivedView = JSON.stringify(view ?? null);
    if (!view) return; // the visitor's own view stays
    state = patchingStep(state, { type: 'restore', view }, shape);
    sentView = JSON.stringify(patchingView(state));
  }
  function takeRun({ run, sweep }, isNew) {
    shape = patchShape(run);
    pictures.follow(run);
    loadFont(run.font ?? null);
    if (!isNew) return;
    asking.reset();
    tell(null);
    state = patchingStep({ ...state, chips: [], reads: null, evolutionToken: run.evolution?.token ?? 0 }, { type: 'fit' }, shape);
    if (sweep) state = patchingStep(state, { type: 'restore', view: { site: sweep.site, by: sweep.by, layer: sweep.layer, token: sweep.token } }, shape);
  }
  /** Show another value; what did not change stays as it is. */
  function update(incoming) {
    const next = incoming ? JSON.parse(JSON.stringify(incoming)) : null;
    if (!next?.run) return;
    const isNew = current?.run?.key !== next.run.key;
    current = next;
    const arrived = sections.take(next);
    takeRun(next, isNew);
    if (isNew || JSON.stringify(next.view ?? null) !== receivedView) takeView(next.view);
    if (isNew || arrived.includes('applied') || asking.pending.isWanted(chipsKey(shape, next.applied?.chips ?? []))) takeApplied(next.applied);
    if (isNew || arrived.includes('run') || arrived.includes('sweep')) data = next.sweep ? readSweep(next.sweep, shape) : null;
    if (arrived.includes('reads') && next.reads) state = { ...state, reads: { layer: next.reads.layer, head: next.reads.head } };
    asking.arrived(arrived);
    renderSoon();
  }
  function onKey(event) {
    if (event.key !== 'Escape' || event.ctrlKey || event.metaKey || event.altKey) return;
    dispatch({ type: 'escape' });
  }
  root.addEventListener('keydown', onKey);
  attachHelp(root, terms);
  const stopTheme = watchTheme(root, (colors) => {
    theme = colors;
    themeSerial += 1;
    renderAll();
  });
  root.__patching = {
    getState: () => ({ ...state, wanted: Boolean(current?.run) && isWanted(current.sweep, state, shape), applying: asking.pending.isWaiting() }),
    dispatch,
  };
  element.__patching = root.__patching;
  update(value);

  function destroy() {
    viewLater.cancel();
    asking.reset();
    pictures.stop();
    widths.stop();
    stopTheme();
    root.removeEventListener('keydown', onKey);
  }
  return { update, destroy };
}
