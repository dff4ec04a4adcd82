// The steering widget: wires state, value and views. Works in Gradio's gr.HTML and in a plain page alike.

import { collectParts, prefersStill, setText } from '../shared/dom.js';
import { EmojiPainter, createFontLoader } from '../shared/emoji.js';
import { formatPercent } from '../shared/format.js';
import { attachHelp } from '../shared/help.js';
import { debounce, oncePerFrame } from '../shared/schedule.js';
import { createSections } from '../shared/sections.js';
import { watchTheme } from '../shared/theme.js';
import { watchWidths } from '../shared/widths.js';
import { createActiveCard } from './activecard.js';
import { createAnswers } from './answers.js';
import { createSteerAsking } from './asking.js';
import { createCompareCard } from './comparecard.js';
import { createControlsCard } from './controlscard.js';
import { createOthersCard } from './generalcard.js';
import { STEERING_GLOSSARY } from './glossary.js';
import { createGuideCard } from './guidecard.js';
import { createLatentCard } from './latentcard.js';
import { createSteerLoader } from './loader.js';
import { effectKey, rackKey, rackOf, whereChoices } from './rack.js';
import { createRackCard } from './rackcard.js';
import { createSearchCard } from './searchcard.js';
import { createStage } from './stage.js';
import { initialSteering, steeringShape, steeringStep, steeringView } from './state.js';
import { createTableCard } from './tablecard.js';
import { createSteerTwins } from './twins.js';

const VIEW_PAUSE_MS = 300;
const PARTS = ['run', 'latent', 'found', 'rack', 'steered', 'controls', 'general', 'other', 'table', 'guide', 'failed', 'refused'];
const ASSETS = ['image', 'acts', 'columns', 'effect', 'vocabulary'];
const NOWHERE = { rows: 0, cols: 0, nPrefix: 0, prefixNames: [], nTokens: 0, dSae: 0, lensLabels: [], wheres: ['all'] };

/**
 * Bring the widget to life in an element that holds widget.html.
 *
 * `onEvent(name, data)` hears 'latent', 'profile', 'search', 'steer', 'controls', 'generality', 'watch', 'compare', 'guide' and 'cancel' when
 * the visitor asks for something, and 'view_change' with {view} once the visitor has paused. Returns update(value) and destroy().
 */
export function mount({ element, value, onEvent = () => {} }) {
  const root = element.querySelector('.pl-steering');
  const parts = collectParts(root);
  const painter = new EmojiPainter();
  const loadFont = createFontLoader(root, painter, () => renderAll());
  const sections = createSections(PARTS);
  for (const name of ASSETS) sections.versions[name] = 0;
  const widths = watchWidths([parts.stage, parts.originalLensBox, parts.histogramTab], () => renderAll());
  let [state, shape, wheres, current] = [initialSteering(), NOWHERE, [], null];
  let [theme, themeSerial, sentView, receivedView, spoken] = [null, 0, '', '', null];
  const madeFor = { controls: '', general: '' };
  const asking = createSteerAsking({ onEvent, getState: () => state, changed: () => renderSoon(), getSae: () => current?.run?.sae.id ?? null });
  const loader = createSteerLoader({
    failed: (sentence) => tell(sentence),
    changed: (name) => {
      sections.versions[name] += 1;
      renderSoon();
    },
  });
  const viewLater = debounce(sendView, VIEW_PAUSE_MS);
  const renderSoon = oncePerFrame(render);
  const speak = (text = null) => {
    spoken = text ?? '';
    renderSoon();
  };
  const api = {
    parts,
    dispatch,
    widthOf: widths.widthOf,
    getScene: () => (current?.run && theme ? sceneNow() : null),
    speak,
    cancel: asking.cancel,
    waiting: asking.waiting,
  };
  const views = [
    createStage(api),
    createActiveCard(api),
    createLatentCard({ ...api, profile: asking.profile }),
    createGuideCard({ ...api, follow: followGuide }),
    createRackCard(api),
    createAnswers({ ...api, watch: asking.watch }),
    createSearchCard({ ...api, search: asking.search }),
    createControlsCard({ ...api, ask: asking.controls }),
    createOthersCard({ ...api, ask: asking.general }),
    createCompareCard({ ...api, compare: asking.compare }),
    createTableCard(api),
    createSteerTwins(api),
  ];

  function sceneNow() {
    const { run, latent, found, steered, controls, general, other, table, guide } = current;
    const effect = effectKey(rackOf(state));
    return {
      current,
      run,
      latent,
      found,
      steered,
      controls,
      general,
      other,
      table,
      guide,
      shape,
      wheres,
      state,
      assets: loader.assets,
      painter,
      theme,
      themeSerial,
      fontReady: painter.family,
      versions: sections.versions,
      isSteering: asking.pending.isWaiting(),
      isControls: asking.waiting.controls,
      isGeneral: asking.waiting.general,
      isStale: { controls: madeFor.controls !== effect, general: madeFor.general !== effect },
    };
  }
  function dispatch(action) {
    const before = state;
    state = steeringStep(state, action, shape);
    if (state === before) return;
    if (state.chips.length > before.chips.length) show(parts.rackCard);
    if (action.type === 'latent' && state.latent !== null && state.latent !== before.latent) requestAnimationFrame(() => show(parts.latentCard));
    asking.follow(before, state, (latent) => current?.latent?.index === latent);
    viewLater();
    renderSoon();
  }
  // On a narrow page what a click brings lies far below the list.
  function show(card) {
    if (card.getBoundingClientRect().top > innerHeight - 60) card.scrollIntoView({ block: 'start', behavior: prefersStill() ? 'auto' : 'smooth' });
  }
  function followGuide(rack) {
    state = steeringStep(state, { type: 'rack', rack }, shape);
    asking.guide(rack);
    viewLater();
    renderSoon();
  }
  function sendView() {
    const view = steeringView(state);
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
  function fillHead({ run }) {
    setText(parts.imageTitle, run.image.title ?? 'The picture');
    setText(parts.saeTitle, run.sae.title ?? run.sae.id);
    setText(parts.saeVariance, `${formatPercent(run.sae.explained_variance)} explained here`);
    setText(parts.saeL0, Number.isFinite(run.sae.l0) ? `${run.sae.l0.toFixed(1)} latents a token` : 'L0 unknown');
    parts.warning.hidden = !run.sae.warning;
    setText(parts.warning, run.sae.warning ?? '');
  }
  function render() {
    const scene = api.getScene();
    root.dataset.phase = !current?.run ? 'empty' : loader.assets.acts && loader.assets.image ? 'ready' : 'loading';
    if (!scene) return;
    root.dataset.steering = String(scene.isSteering);
    fillHead(scene);
    views.forEach((view) => view.render());
    if (spoken === null) return;
    setText(parts.spoken, spoken || `${parts.selection.textContent} ${parts.activeCount.textContent}.`);
    spoken = null;
  }
  // The rack that the server answered becomes the visitor's own, unless the visitor has turned something since.
  function takeRack(rack, at) {
    if (Number.isInteger(at)) {
      if (asking.isLate(at)) return;
      asking.pending.forget();
    } else if (asking.pending.settle(rackKey(rack)) !== 'other') return;
    state = steeringStep(state, { type: 'rack', rack }, shape);
  }
  // The server could not do what was asked: nothing is waited for any more, and the rack is the one that was answered last.
  function takeFailed(failed, rack) {
    tell(failed);
    if (!failed) return;
    asking.reset();
    state = steeringStep(state, { type: 'rack', rack }, shape);
  }
  function takeView(view) {
    receivedView = JSON.stringify(view ?? null);
    if (!view) return; // the visitor's own view stays
    state = steeringStep(state, { type: 'restore', view }, shape);
    sentView = JSON.stringify(steeringView(state));
  }
  function takeRun(run, isNew) {
    wheres = whereChoices(run.sae.tokens, run.n_prefix, run.wheres);
    shape = steeringShape(
      run,
      wheres.map(({ id }) => id),
    );
    if (isNew) tell(null);
    loader.follow(run);
    loadFont(run.font ?? null);
    if (!isNew) return;
    asking.reset();
    state = steeringStep({ ...state, tokens: [], fires: [], nots: [], cursor: null, latent: null }, { type: 'fit' }, shape);
  }
  /** Show another value; what did not change stays as it is. */
  function update(incoming) {
    const next = incoming ? JSON.parse(JSON.stringify(incoming)) : null;
    if (!next?.run) return;
    if (!('rack' in next)) next.rack = current?.rack ?? null; // an answer that is not about the rack may leave it out
    if (next.nonce < current?.nonce) return; // made before what is shown, and overtaken on the way
    const isNew = current?.run?.key !== next.run.key;
    const isOtherSae = current?.run?.sae.id !== next.run.sae.id;
    current = next;
    const arrived = sections.take(next);
    takeRun(next.run, isNew);
    if (isOtherSae) state = { ...state, chips: [] };
    const isAnswered = Number.isInteger(next.rack_at) || arrived.includes('rack') || asking.pending.isWanted(rackKey(next.rack));
    if (isNew || isAnswered) takeRack(next.rack, next.rack_at);
    if (isNew || JSON.stringify(next.view ?? null) !== receivedView) takeView(next.view);
    if (arrived.includes('latent') && next.latent && state.latent === null && isNew)
      state = steeringStep(state, { type: 'latent', latent: next.latent.index }, shape);
    for (const name of ['controls', 'general']) if (arrived.includes(name)) madeFor[name] = effectKey(next.rack);
    asking.arrived(arrived);
    if (arrived.includes('refused') && next.refused) asking.refused(next.refused.what);
    if (arrived.includes('failed')) takeFailed(next.failed, next.rack);
    if (state.latent !== null && next.latent?.index !== state.latent && isNew) asking.latent();
    renderSoon();
  }
  function onKey(event) {
    if (event.key !== 'Escape' || event.ctrlKey || event.metaKey || event.altKey || event.target.closest('input, select')) return;
    dispatch({ type: 'escape' });
  }
  root.addEventListener('keydown', onKey);
  attachHelp(root, STEERING_GLOSSARY);
  const stopTheme = watchTheme(root, (colors) => {
    theme = colors;
    themeSerial += 1;
    renderAll();
  });
  root.__steering = { getState: () => ({ ...state, steering: asking.pending.isWaiting() }), dispatch };
  element.__steering = root.__steering;
  update(value);

  function destroy() {
    viewLater.cancel();
    asking.reset();
    loader.stop();
    widths.stop();
    stopTheme();
    root.removeEventListener('keydown', onKey);
  }
  return { update, destroy };
}
