// The talking canvas: wires state, value and views. Works in Gradio's gr.HTML and in a plain page alike.

import { collectParts, prefersStill, setText } from '../shared/dom.js';
import { EmojiPainter, createFontLoader } from '../shared/emoji.js';
import { formatPercent } from '../shared/format.js';
import { attachHelp } from '../shared/help.js';
import { debounce, oncePerFrame } from '../shared/schedule.js';
import { createSections } from '../shared/sections.js';
import { watchTheme } from '../shared/theme.js';
import { watchWidths } from '../shared/widths.js';
import { heatOf, peakOf } from '../steering/acts.js';
import { typicalOf } from '../steering/columns.js';
import { createStage } from '../steering/stage.js';
import { createAskBar } from './askbar.js';
import { createGaze } from './gaze.js';
import { createOnHere } from './onhere.js';
import { createSayings } from './sayings.js';
import { createTalkAsking } from './talkasking.js';
import { TALK_GLOSSARY } from './talkglossary.js';
import { createTalkLatent } from './talklatent.js';
import { createTalkLoader } from './talkloader.js';
import { createTalkSearch } from './talksearch.js';
import { initialTalk, talkShape, talkStep, talkView } from './talkstate.js';
import { createTalkTwins } from './talktwins.js';
import { createTextTokens } from './texttokens.js';
import { createTokenHeat } from './tokenheat.js';
import { createRecipeNote, createTurnCard } from './turncard.js';

const LOOK_PAUSE_MS = 300;
const TALK_PARTS = ['run', 'heard', 'talk', 'rack', 'latent', 'contrast', 'guide', 'guided', 'refused'];
const TALK_ASSETS = ['image', 'acts', 'columns', 'gaze'];
const NO_SHAPE = { rows: 0, cols: 0, nPrefix: 0, prefixNames: [], nPatches: 0, nTokens: 0, dSae: 0, lensLabels: [], wheres: ['all'], nLayers: 1, mostWords: 1 };
const TURN_AMOUNT = 5;
const TURN_FACTOR = 3;
const SHOWN_IN_BOXES = new Set(['kind', 'when', 'temperature', 'seed', 'most', 'chip']);

/**
 * Bring the widget to life in an element that holds widget.html.
 *
 * `onEvent(name, data)` hears 'ask', 'talk', 'guide', 'latent', 'gallery', 'contrast' and 'cancel' when the visitor asks for something, and
 * 'view_change' with {view} once the visitor has paused. Returns update(value) and destroy().
 */
export function mount({ element, value, onEvent = () => {} }) {
  const root = element.querySelector('.pl-language');
  const parts = collectParts(root);
  const painter = new EmojiPainter();
  const loadFont = createFontLoader(root, painter, () => renderAll());
  const sections = createSections(TALK_PARTS);
  for (const name of TALK_ASSETS) sections.versions[name] = 0;
  const widths = watchWidths([parts.stage, parts.heatCanvas], () => renderAll());
  let [state, shape, current] = [initialTalk(), NO_SHAPE, null];
  let [theme, themeSerial, sentView, receivedView, spoken] = [null, 0, '', '', null];
  const asking = createTalkAsking({ onEvent, getState: () => state, changed: () => renderSoon(), getRun: () => current?.run?.key ?? null });
  const loader = createTalkLoader({
    failed: (sentence) => tell(sentence),
    changed: (name) => {
      sections.versions[name] += 1;
      renderSoon();
    },
  });
  const viewLater = debounce(sendView, LOOK_PAUSE_MS);
  const renderSoon = oncePerFrame(render);
  const speak = (text = null) => {
    spoken = text ?? '';
    renderSoon();
  };
  const api = { parts, dispatch, widthOf: widths.widthOf, getScene: () => (current?.run && theme ? sceneNow() : null), speak };
  // The stage shows patches alone.
  const onStage = () => {
    const scene = api.getScene();
    return scene && { ...scene, state: { ...scene.state, tokens: scene.state.tokens.filter((token) => token < shape.nPatches) }, shape: { ...shape, nTokens: shape.nPatches } };
  };
  const views = [
    createAskBar({ ...api, ask: asking.ask }),
    createStage({ ...api, getScene: onStage, parts: { ...parts, selection: parts.stageSelection } }),
    createTextTokens(api),
    createSayings({ ...api, stop: asking.stop, again: asking.again }),
    createTurnCard({ ...api, guide: asking.guide }),
    createRecipeNote(api),
    createOnHere(api),
    createTalkLatent({ ...api, look: asking.gallery }),
    createTokenHeat(api),
    createGaze({ ...api, gazeFor }),
    createTalkSearch({ ...api, contrast: asking.contrast }),
    createTalkTwins(api),
  ];

  function sceneNow() {
    const { run, heard, talk, latent, contrast, guide, guided } = current;
    const nGenerated = heard.texts.filter(({ kind }) => kind === 'generated').length;
    const word = state.word !== null && state.word < nGenerated ? (talk?.columns.original?.words[state.word]?.t.trim() ?? null) : null;
    return {
      current,
      run,
      heard,
      talk,
      columns: talk?.columns ?? {},
      texts: heard.texts,
      nGenerated,
      hasGaze: Boolean(heard.attention),
      word,
      latent,
      contrast,
      guide,
      guided,
      shape,
      state,
      assets: loader.assets,
      painter,
      theme,
      themeSerial,
      fontReady: painter.family,
      versions: sections.versions,
      isTalking: asking.waiting.talk,
      isAsking: asking.waiting.ask,
      isContrasting: asking.waiting.contrast !== null,
    };
  }
  function gazeFor(word, sizes) {
    const { attention } = current.heard;
    return attention ? loader.gaze(`${attention}${word}`, sizes) : undefined;
  }
  // What is on in the picture is turned down at first, what is not is turned up; what has no unit is multiplied.
  function amounted(action) {
    if (action.type !== 'addChip' || action.amount !== undefined) return action;
    const { columns } = loader.assets;
    if (columns?.typical && !Number.isFinite(typicalOf(columns, action.latent))) return { ...action, how: 'scale', amount: TURN_FACTOR };
    const isOn = loader.assets.acts && peakOf(heatOf(loader.assets.acts, action.latent)) > 0;
    return { ...action, how: 'add', amount: isOn ? -TURN_AMOUNT : TURN_AMOUNT };
  }
  function dispatch(action) {
    const before = state;
    state = talkStep(state, amounted(action), shape);
    if (state === before) {
      if (SHOWN_IN_BOXES.has(action.type)) renderAll(); // a box may show what was not taken
      return;
    }
    if (state.latent !== before.latent && state.latent !== null && action.type === 'latent') show(parts.latentCard);
    if (state.chips.length > before.chips.length) show(parts.rackCard);
    asking.follow(before, state, (latent) => current?.latent?.index === latent);
    viewLater();
    renderSoon();
  }
  // On a narrow page what a click brings lies far from the list.
  function show(card) {
    const { top, bottom } = card.getBoundingClientRect();
    if (top > innerHeight - 60 || bottom < 60) card.scrollIntoView({ block: 'start', behavior: prefersStill() ? 'auto' : 'smooth' });
  }
  function sendView() {
    const view = talkView(state);
    const text = JSON.stringify(view);
    if (text === sentView || !current?.run) return;
    sentView = text;
    asking.view(view);
  }
  function tell(sentence) {
    parts.notice.hidden = !sentence;
    setText(parts.notice, sentence ?? '');
    if (sentence) renderAll();
  }
  function renderAll() {
    views.forEach((view) => view.forget());
    renderSoon();
  }
  function fillHead({ run, heard }) {
    setText(parts.imageTitle, run.image.title ?? 'The picture');
    setText(parts.saeTitle, run.sae.title ?? run.sae.id);
    const { image, text } = heard.explained;
    const share = (value) => (value >= 0 ? formatPercent(value) : `−${(-100 * value).toFixed(0)} %`);
    setText(parts.saeVariance, `${share(text)} explained in these words, ${share(image)} in the picture`);
    setText(parts.saeL0, `${heard.l0.text?.toFixed(1)} latents on at a word, ${heard.l0.image?.toFixed(1)} at a patch`);
  }
  function render() {
    const scene = api.getScene();
    root.dataset.phase = !current?.run ? 'empty' : loader.assets.all && loader.assets.image ? 'ready' : 'loading';
    if (!scene) return;
    root.dataset.talking = String(scene.isTalking);
    fillHead(scene);
    views.forEach((view) => view.render());
    if (spoken === null) return;
    setText(parts.spoken, spoken || `${parts.chosen.textContent} ${parts.activeCount.textContent}`);
    spoken = null;
  }
  // The turn that the server answered becomes the visitor's own, unless the visitor has turned something since.
  function takeTurn(rack, at) {
    if (!asking.isLate(at ?? 0)) state = talkStep(state, { type: 'rack', rack }, shape);
  }
  function takeView(view) {
    receivedView = JSON.stringify(view ?? null);
    if (!view) return; // the visitor's own view stays
    state = talkStep(state, { type: 'restore', view }, shape);
    sentView = JSON.stringify(talkView(state));
  }
  function isSpeaking({ talk, run }) {
    const columns = Object.values(talk?.columns ?? {});
    return !run || !columns.length || columns.some((column) => column.state === 'speaking');
  }
  /** Show another value; what did not change stays as it is. */
  function update(incoming) {
    const next = incoming ? JSON.parse(JSON.stringify(incoming)) : null;
    if (!next?.run) return;
    if (next.nonce < current?.nonce) return; // made before what is shown, and overtaken on the way
    const isNew = current?.run?.key !== next.run.key || current.opened !== next.opened;
    const isOtherSae = current && current.run.sae.id !== next.run.sae.id;
    current = next;
    const arrived = sections.take(next);
    shape = talkShape(next.run, next.heard.texts.length);
    if (isNew) {
      tell(null);
      asking.reset();
      state = talkStep({ ...state, tokens: [], fires: [], nots: [], cursor: null, word: null, latent: null }, { type: 'fit' }, shape);
    }
    if (isOtherSae) state = { ...state, chips: [] };
    loader.follow(next.run, next.heard);
    loadFont(next.run.font ?? null);
    takeTurn(next.rack, isNew ? Infinity : next.rack_at);
    if (isNew || JSON.stringify(next.view ?? null) !== receivedView) takeView(next.view);
    asking.arrived(arrived, isSpeaking(next), next.asked_at);
    if (arrived.includes('refused') && next.refused) takeRefused(next.refused.what);
    if (state.latent !== null && next.latent?.index !== state.latent && isNew) asking.latent();
    renderSoon();
  }
  // The server could not do what was asked: the turn is the one that it answered last.
  function takeRefused(what) {
    asking.refused(what);
    if (what === 'talk') state = talkStep(state, { type: 'rack', rack: current.rack }, shape);
  }
  function onKey(event) {
    if (event.key !== 'Escape' || event.ctrlKey || event.metaKey || event.altKey || event.target.closest('input, select')) return;
    dispatch({ type: 'escape' });
  }
  const onDown = (event) => event.target.closest?.('.pl-dialslider input') && asking.hold();
  const onUp = () => asking.release();
  root.addEventListener('keydown', onKey);
  root.addEventListener('pointerdown', onDown);
  for (const kind of ['pointerup', 'pointercancel']) document.addEventListener(kind, onUp);
  attachHelp(root, TALK_GLOSSARY);
  const stopTheme = watchTheme(root, (colors) => {
    theme = colors;
    themeSerial += 1;
    renderAll();
  });
  root.__language = { getState: () => ({ ...state, talking: asking.waiting.talk }), dispatch };
  element.__language = root.__language;
  update(value);

  function destroy() {
    viewLater.cancel();
    asking.reset();
    loader.stop();
    widths.stop();
    stopTheme();
    root.removeEventListener('keydown', onKey);
    root.removeEventListener('pointerdown', onDown);
    for (const kind of ['pointerup', 'pointercancel']) document.removeEventListener(kind, onUp);
  }
  return { update, destroy };
}
