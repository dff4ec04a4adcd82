// The picture: click, shift-click, brush or use the keyboard to select tokens; the heatmap of a latent lies over it.

import { paintBackdrop } from '../shared/canvas.js';
import { fitCanvas, make, pointerIn, setText } from '../shared/dom.js';
import { layoutStage, MOVE_KEYS, tokenAt } from '../shared/geometry.js';
import { createGate } from '../shared/schedule.js';
import { showSegment, wireSegments } from '../shared/segments.js';
import { heatOf, peakOf } from './acts.js';
import { factsOf, labelWords, latentName, unitWords } from './columns.js';
import { heatGradient } from './heat.js';
import { drawStageBase, drawStageMarks, stageTag, tokensBetween } from './stagepaint.js';
import { shownLatent } from './state.js';
import { selectionWords } from './words.js';

const PICTURE_MOST = 440;
const HELP =
  'Arrow keys move from patch to patch, Space selects one or lets it go, Shift with an arrow selects on the way, Enter selects this one alone, Escape clears.';

/** View of the picture and its controls. */
export function createStage({ parts, getScene, dispatch, widthOf, speak }) {
  const base = make('canvas', { class: 'pl-base', 'aria-hidden': 'true' });
  const over = make('canvas', {
    class: 'pl-over',
    tabindex: '0',
    role: 'application',
    'aria-roledescription': 'patch grid',
    'aria-label': `The picture and its patches. ${HELP}`,
  });
  parts.stage.append(make('div', { class: 'pl-canvases' }, base, over));
  const [below, above, words] = [createGate(), createGate(), createGate()];
  let [layout, backdrop, backdropKey, painted, paintedKey, drag, isFocused, isFinger] = [null, null, '', null, '', null, false, false];
  wireSegments(parts.pen, 'pen', dispatch);
  parts.overlay.addEventListener('input', () => dispatch({ type: 'overlay', value: Number(parts.overlay.value) / 100 }));
  parts.clearTokens.addEventListener('click', () => dispatch({ type: 'clear' }));
  parts.fingerBrush.addEventListener('change', () => (over.style.touchAction = parts.fingerBrush.checked ? 'none' : ''));
  parts.stageRamp.style.background = heatGradient();

  function paintedOf({ state, assets, versions }) {
    const latent = shownLatent(state);
    const key = `${latent}|${versions.acts}`;
    if (key !== paintedKey) {
      const heat = latent === null || !assets.acts ? null : heatOf(assets.acts, latent);
      [painted, paintedKey] = [heat && { latent, heat, most: peakOf(heat) }, key];
    }
    return painted;
  }
  function backdropOf({ assets, versions }) {
    const { width, height } = layout.pictures[0];
    const key = [versions.image, width, height, devicePixelRatio].join();
    if (key !== backdropKey) [backdrop, backdropKey] = [paintBackdrop(assets.image, { width, height }, assets.image.width < 64), key];
    return backdrop;
  }
  function fillWords({ state, assets }) {
    showSegment(parts.pen, state.pen);
    parts.overlay.value = String(Math.round(100 * state.overlay));
    parts.overlay.style.setProperty('--pl-done', `${Math.round(100 * state.overlay)}%`);
    parts.stageLegend.dataset.empty = String(!painted);
    setText(
      parts.stageLatent,
      painted
        ? `${latentName(painted.latent)}: ${labelWords(factsOf(assets.columns, painted.latent))}${painted.most ? '' : '; off in this whole picture'}`
        : 'Point at a latent in the list to see here where it is on.',
    );
    parts.stageScale.hidden = !painted?.most;
    if (painted?.most) setText(parts.stageMost, `${unitWords(assets.columns, painted.latent, painted.most)} (max. here)`);
  }
  function render() {
    const scene = getScene();
    const width = widthOf(parts.stage);
    if (!scene || !width) return;
    const { run, shape, state, versions, assets, themeSerial } = scene;
    layout = layoutStage({
      ...shape,
      width: Math.min(PICTURE_MOST, width),
      maxHeight: Math.max(300, Math.min(520, innerHeight * 0.7)),
      image: [run.image.size[1], run.image.size[0]],
    });
    const told = { ...scene, layout };
    paintedOf(scene);
    parts.penBox.hidden = state.search !== 'example' && state.pen === 'select';
    setText(parts.selection, selectionWords(scene));
    parts.clearTokens.hidden = !state[state.pen === 'select' ? 'tokens' : state.pen].length;
    const size = [
      layout.width,
      layout.height,
      devicePixelRatio,
      themeSerial,
      versions.run,
      versions.image,
      versions.acts,
      versions.columns,
      paintedKey,
    ];
    if (words.opens([...size, state.pen, state.overlay].join())) fillWords(told);
    if (!assets.image) return;
    if (below.opens([...size, painted ? state.overlay : ''].join()))
      drawStageBase(fitCanvas(base, layout.width, layout.height), told, backdropOf(scene), painted);
    const marks = [
      ...size,
      state.tokens,
      state.fires,
      state.nots,
      state.cursor,
      state.hover,
      isFocused,
      state.where === 'list' ? state.rackTokens : '',
    ];
    if (above.opens(marks.join('|'))) drawStageMarks(fitCanvas(over, layout.width, layout.height), told, painted, isFocused);
  }

  const placeOf = (event) => pointerIn(over, event);
  const tokenOf = ({ x, y }) => layout && tokenAt(layout, x, y);
  const penSet = () => getScene().state[{ select: 'tokens' }[getScene().state.pen] ?? getScene().state.pen];
  // A click alone selects one patch; a finger and the two example brushes add and take away instead, since there is no Shift key.
  function pressed(event, token) {
    const { pen, tokens } = getScene().state;
    const adds = event.shiftKey || event.ctrlKey || event.metaKey || isFinger || pen !== 'select';
    if (adds) return dispatch({ type: 'paint', tokens: [token], mode: 'toggle' });
    if (tokens.length === 1 && tokens[0] === token) return dispatch({ type: 'clear' });
    return dispatch({ type: 'paint', tokens: [token], mode: 'replace' });
  }
  function dragTo(event) {
    const at = placeOf(event);
    const tokens = tokensBetween(layout, drag.at, at);
    drag.at = at;
    if (!drag.moved && tokens.length === 1 && tokens[0] === drag.token) return;
    if (!drag.moved) {
      drag.moved = true;
      dispatch({ type: 'paint', tokens: drag.token === null ? [] : [drag.token], mode: drag.adds ? drag.mode : 'replace' });
    }
    dispatch({ type: 'paint', tokens, mode: drag.mode });
  }
  over.addEventListener('pointerdown', (event) => {
    isFinger = event.pointerType === 'touch';
    if (event.button > 0 || !getScene() || (isFinger && !parts.fingerBrush.checked)) return;
    const at = placeOf(event);
    const token = tokenOf(at);
    const adds = event.shiftKey || event.ctrlKey || event.metaKey || isFinger || getScene().state.pen !== 'select';
    drag = { at, token, adds, moved: false, mode: adds && penSet().includes(token) ? 'remove' : 'add' };
    over.setPointerCapture(event.pointerId);
  });
  over.addEventListener('pointermove', (event) => {
    if (drag) dragTo(event);
    else if (event.pointerType !== 'touch') dispatch({ type: 'hover', token: tokenOf(placeOf(event)) });
  });
  over.addEventListener('pointerup', () => {
    isFocused = false;
    setTimeout(() => (drag = null)); // after the click that ends it
  });
  over.addEventListener('pointercancel', () => (drag = null));
  over.addEventListener('pointerleave', () => dispatch({ type: 'hover', token: null }));
  over.addEventListener('click', (event) => {
    const token = tokenOf(placeOf(event));
    if (token === null || drag?.moved) return;
    dispatch({ type: 'cursor', token });
    pressed(event, token);
    speak();
  });
  over.addEventListener('focus', () => {
    isFocused = over.matches(':focus-visible');
    if (isFocused && getScene()?.state.cursor === null) dispatch({ type: 'cursor', token: getScene().shape.nPrefix });
    render();
  });
  over.addEventListener('blur', () => {
    isFocused = false;
    render();
  });
  over.addEventListener('keydown', (event) => {
    if (event.ctrlKey || event.metaKey || event.altKey || !getScene()) return;
    isFocused = true;
    if (MOVE_KEYS.includes(event.key)) dispatch({ type: 'moveCursor', key: event.key, extend: event.shiftKey });
    else if (event.key === ' ') dispatch({ type: 'press', mode: 'toggle' });
    else if (event.key === 'Enter') dispatch({ type: 'press', mode: 'replace' });
    else return;
    event.preventDefault();
    const { cursor } = getScene().state;
    speak(cursor === null ? '' : `${stageTag(getScene(), cursor, painted)}${penSet().includes(cursor) ? ', selected' : ''}.`);
  });
  function forget() {
    for (const gate of [below, above, words]) gate.reset();
  }
  return { render, forget };
}
