// Steppers, choices and sliders: each turns an input into an action, and shows the state again.

import { canHover, setText } from '../shared/dom.js';
import { tokenName } from '../shared/geometry.js';
import { createGate } from '../shared/schedule.js';
import { showSegment, wireSegments } from '../shared/segments.js';
import { hasFile, hasKind, hasLog, hasTokens, hasUnit, KINDS } from './run.js';
import { shownHead } from './state.js';

const ABSENT = 'Not part of this page; open the live page to see it.';
const SEGMENTS = ['kind', 'scale', 'norm', 'thumbs', 'over', 'paint', 'unit'];

function allow(radio, isAllowed, reason) {
  radio.disabled = !isAllowed;
  radio.parentElement.title = isAllowed ? '' : reason;
}

/** View of the controls. */
export function createTourControls({ parts, getScene, dispatch: act, speak }) {
  const gate = createGate();
  const dispatch = (action) => {
    act(action);
    if (action.type !== 'opacity') speak();
  };
  const radio = (group, value) => parts[group].querySelector(`input[value="${value}"]`);
  SEGMENTS.forEach((type) => wireSegments(parts[type], type, dispatch));
  parts.layerBack.addEventListener('click', () => dispatch({ type: 'stepLayer', by: -1 }));
  parts.layerOn.addEventListener('click', () => dispatch({ type: 'stepLayer', by: 1 }));
  parts.headBack.addEventListener('click', () => dispatch({ type: 'stepHead', by: -1 }));
  parts.headOn.addEventListener('click', () => dispatch({ type: 'stepHead', by: 1 }));
  parts.layer.addEventListener('input', () => dispatch({ type: 'head', head: { ...shownHead(getScene().state), layer: Number(parts.layer.value) } }));
  parts.head.addEventListener('input', () => dispatch({ type: 'head', head: { layer: getScene().state.layer, unit: Number(parts.head.value) } }));
  parts.opacity.addEventListener('input', () => dispatch({ type: 'opacity', value: Number(parts.opacity.value) / 100 }));
  parts.headLock.addEventListener('click', () => dispatch({ type: 'toggleHead' }));
  parts.tokenLock.addEventListener('click', () => dispatch({ type: 'clearToken' }));

  function showRange(input, value, most) {
    input.max = String(most);
    input.value = String(value);
    input.style.setProperty('--pl-done', `${(100 * value) / Math.max(1, most)}%`);
  }
  function showSteppers(state, { shape, head }) {
    const isHead = Number.isInteger(head.unit);
    showRange(parts.layer, head.layer, shape.nLayers - 1);
    showRange(parts.head, isHead ? head.unit : state.lastHead, shape.nHeads - 1);
    setText(parts.layerName, String(head.layer));
    setText(parts.headName, isHead ? String(head.unit) : 'all');
    parts.head.setAttribute('aria-valuetext', isHead ? `head ${head.unit}` : 'all heads');
    parts.layerBack.disabled = state.layer === 0;
    parts.layerOn.disabled = state.layer === shape.nLayers - 1;
    parts.headBack.disabled = isHead && state.unit === 0;
    parts.headOn.disabled = isHead && state.unit === shape.nHeads - 1;
  }
  function hintOf({ token }, { shape, reading }) {
    if (token === null) return canHover() ? 'click locks' : 'tap a patch';
    return reading && reading.token !== token ? `locked: ${tokenName(shape, token)}` : 'locked';
  }
  function showLocks(state) {
    setText(parts.headLockText, state.locked ? 'Head locked' : 'Lock head');
    parts.headLock.setAttribute('aria-pressed', String(state.locked));
    parts.headLock.title = state.locked ? 'Esc on the wall, or this button, releases the head' : 'Keep this head while pointing at others';
    parts.tokenLock.hidden = state.token === null;
  }
  function showChoices(state, pane) {
    for (const type of SEGMENTS) if (type !== 'unit') showSegment(parts[type], state[type]);
    showSegment(parts.unit, Number.isInteger(pane.head.unit) ? 'head' : pane.head.unit);
    const rollout = pane.head.unit === 'rollout';
    for (const kind of KINDS) {
      allow(radio('kind', kind), hasKind(pane.run, kind) && (!rollout || kind === 'pattern'),
        rollout ? 'A rollout is a product of patterns; choose one head or the mean for the others.' : ABSENT);
    }
    showSegment(parts.scale, hasLog(state.kind) ? state.scale : 'linear');
    allow(radio('scale', 'log'), hasLog(state.kind) && hasKind(pane.run, `log_${state.kind}`),
      hasLog(state.kind) ? ABSENT : 'Scores are the logarithm of patterns already, up to a constant in each row; differences of rank have no logarithm.');
    allow(radio('unit', 'mean'), hasUnit(pane.run, 'mean'), ABSENT);
    allow(radio('unit', 'rollout'), hasUnit(pane.run, 'rollout'), pane.run.has_rollout ? ABSENT : 'There is no rollout for this run.');
    for (const thumbs of ['from', 'to']) allow(radio('thumbs', thumbs), hasTokens(pane.run), ABSENT);
    allow(radio('paint', 'lens'), Boolean(pane.run.lens) && hasFile(pane.run, 'lens'),
      pane.run.lens ? ABSENT : 'This model has no classifier, so its patches name no class.');
  }
  function render() {
    const scene = getScene();
    const pane = scene?.panes[0];
    if (!pane) return;
    const { state } = scene;
    const fields = [scene.serial, pane.head.layer, pane.head.unit, state.layer, state.unit, state.locked, state.token, pane.reading?.token, Boolean(scene.types), state.opacity,
      ...SEGMENTS.map((type) => state[type])];
    if (!gate.opens(fields.join())) return;
    showSteppers(state, pane);
    showLocks(state);
    setText(parts.tokenHint, hintOf(state, pane));
    showChoices(state, pane);
    allow(radio('over', 'dataset'), Boolean(scene.types?.metrics), 'Means over many pictures need the evidence on head types.');
    parts.opacity.value = String(Math.round(100 * state.opacity));
    parts.opacity.style.setProperty('--pl-done', `${100 * state.opacity}%`);
  }
  return { render, forget: gate.reset };
}
