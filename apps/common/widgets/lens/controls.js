// Layer slider, player, overlay, colours and switches: each turns an input into an action, and shows the state again.

import { prefersStill, setText } from '../shared/dom.js';
import { layerWords } from '../shared/lensdata.js';
import { showSegment, wireSegments } from '../shared/segments.js';
import { shownLayer } from './state.js';

const STEP_MS = 650;
const SWITCHES = ['names', 'pixels', 'outline', 'large'];
const GROUPS = ['overlay', 'color', 'measure', 'trace'];

/** View of the controls; also owns the clock of the player. */
export function createControls({ parts, getScene, getState, dispatch }) {
  let timer = null;

  parts.layer.addEventListener('input', () => dispatch({ type: 'layer', layer: Number(parts.layer.value) }));
  parts.back.addEventListener('click', () => dispatch({ type: 'stepLayer', by: -1 }));
  parts.forward.addEventListener('click', () => dispatch({ type: 'stepLayer', by: 1 }));
  parts.play.addEventListener('click', () => dispatch({ type: 'play' }));
  parts.unlock.addEventListener('click', () => dispatch({ type: 'clear' }));
  parts.speed.addEventListener('change', () => dispatch({ type: 'speed', value: Number(parts.speed.value) }));
  parts.opacity.addEventListener('input', () => dispatch({ type: 'opacity', value: Number(parts.opacity.value) / 100 }));
  parts.least.addEventListener('input', () => dispatch({ type: 'least', value: Number(parts.least.value) / 100 }));
  for (const name of SWITCHES) {
    parts[name].addEventListener('change', () => dispatch({ type: 'toggle', name, value: parts[name].checked }));
  }
  for (const type of GROUPS) wireSegments(parts[type], type, dispatch);

  function keepTime(root) {
    const { playing, speed } = getState();
    clearTimeout(timer);
    if (!playing) return;
    const pace = (prefersStill() ? 2 : 1) * (STEP_MS / speed);
    timer = setTimeout(() => dispatch(root.isConnected ? { type: 'tick' } : { type: 'play' }), pace);
  }
  function renderLayer({ lens, state }) {
    const layer = shownLayer(state);
    const words = layerWords(lens.labels[layer], lens.labels);
    parts.layer.max = String(lens.nLayers - 1);
    parts.layer.value = String(layer);
    parts.layer.setAttribute('aria-valuetext', `${lens.labels[layer]}, ${words}`);
    parts.layer.style.setProperty('--pl-done', `${(100 * layer) / Math.max(1, lens.nLayers - 1)}%`);
    setText(parts.layerName, lens.labels[layer]);
    setText(parts.layerWords, words);
    setText(parts.layerFirst, lens.labels[0]);
    setText(parts.layerLast, lens.labels[lens.nLayers - 1]);
    parts.back.disabled = state.layer === 0;
    parts.forward.disabled = state.layer === lens.nLayers - 1;
  }
  function renderPlay({ playing, speed }) {
    parts.play.setAttribute('aria-label', playing ? 'Pause' : 'Play through the layers');
    parts.play.dataset.playing = String(playing);
    parts.speed.value = String(speed);
  }
  function renderChoices({ state, mask }) {
    showSegment(parts.overlay, state.overlay);
    showSegment(parts.color, state.color);
    showSegment(parts.measure, state.measure);
    showSegment(parts.trace, state.trace);
    for (const name of SWITCHES) parts[name].checked = state[name];
    parts.overlaySearch.disabled = state.search === null;
    parts.overlayMask.parentElement.hidden = !mask;
    parts.outline.parentElement.hidden = !mask;
    parts.color.disabled = state.overlay !== 'emoji' || state.pixels;
    parts.color.hidden = state.overlay === 'search';
    parts.measure.hidden = state.overlay !== 'search';
    for (const name of ['opacity', 'least', 'names']) parts[name].disabled = state.pixels;
    parts.opacity.value = String(Math.round(state.opacity * 100));
    parts.opacity.style.setProperty('--pl-done', `${100 * state.opacity}%`);
    parts.least.parentElement.hidden = state.overlay !== 'emoji';
    parts.least.value = String(Math.round(state.least * 100));
    parts.least.style.setProperty('--pl-done', `${100 * state.least}%`);
    setText(parts.leastValue, state.least ? `from ${Math.round(state.least * 100)} %` : 'every patch');
  }
  function render() {
    const scene = getScene();
    if (!scene) return;
    renderLayer(scene);
    renderPlay(scene.state);
    renderChoices(scene);
  }
  return { render, keepTime, stop: () => clearTimeout(timer) };
}
