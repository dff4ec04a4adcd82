// The stage: two canvases, the picture with its cells below and the selection above, so that hovering redraws little.

import { paintBackdrop } from '../shared/canvas.js';
import { fitCanvas, pointerIn, setText } from '../shared/dom.js';
import { formatPercent } from '../shared/format.js';
import { layoutStage, MOVE_KEYS, tokenAt, tokenName } from '../shared/geometry.js';
import { topClass, topProbability } from '../shared/lensdata.js';
import { className } from '../shared/vocabulary.js';
import { drawBase, drawSelection } from './draw.js';
import { shownLayer } from './state.js';

const STAGE_MAX = { normal: 560, large: 1100 };
const LARGE_CELL = 24; // CSS pixels; a larger stage scrolls sideways rather than have smaller cells

/** View of the stage; `widthOf(element)` gives a width without laying out. */
export function createStage({ parts, getScene, getState, dispatch, widthOf }) {
  const { stage, base, selection, spoken } = parts;
  let layout = null;
  let backdrop = null;
  let backdropOf = '';

  function relayout(scene) {
    const { lens, state } = scene;
    const limit = state.large ? STAGE_MAX.large : STAGE_MAX.normal;
    const wanted = state.large ? Math.max(widthOf(stage), lens.cols * LARGE_CELL) : widthOf(stage);
    const width = Math.min(limit, wanted);
    const maxHeight = Math.max(320, Math.min(limit * 1.15, innerHeight * (state.large ? 2 : 1.1)));
    layout = layoutStage({ width, maxHeight, rows: lens.rows, cols: lens.cols, image: lens.meta.image, nPrefix: lens.nPrefix });
  }
  function refreshBackdrop(scene) {
    const key = `${scene.serial}|${layout.grid.width}|${layout.grid.height}|${devicePixelRatio}|${scene.state.pixels}`;
    if (key === backdropOf) return;
    backdropOf = key;
    backdrop = paintBackdrop(scene.image, layout.grid, scene.state.pixels || scene.image.width < 64);
  }
  function renderBase() {
    const scene = getScene();
    if (!scene || !widthOf(stage)) return;
    relayout(scene);
    refreshBackdrop(scene);
    drawBase(fitCanvas(base, layout.width, layout.height), { ...scene, layout, backdrop }, shownLayer(scene.state));
  }
  function renderSelection() {
    const scene = getScene();
    if (!scene || !layout) return;
    drawSelection(fitCanvas(selection, layout.width, layout.height), { ...scene, layout }, shownLayer(scene.state));
  }
  /** Tell screen readers what is selected, in one sentence. */
  function speak(token) {
    const { lens, vocabulary, state } = getScene();
    if (token === null) return setText(spoken, '');
    const layer = shownLayer(state);
    const name = className(vocabulary, topClass(lens, layer, token));
    return setText(spoken, `${tokenName(lens, token)}: ${name}, ${formatPercent(topProbability(lens, layer, token))}, `
      + `layer ${lens.labels[layer]}${state.locked === token ? ', locked' : ''}`);
  }

  const tokenOf = (event) => {
    const { x, y } = pointerIn(selection, event);
    return layout && tokenAt(layout, x, y);
  };
  selection.addEventListener('pointermove', (event) => {
    if (event.pointerType !== 'touch') dispatch({ type: 'hover', token: tokenOf(event) });
  });
  selection.addEventListener('pointerleave', (event) => {
    if (event.pointerType !== 'touch') dispatch({ type: 'hover', token: null });
  });
  selection.addEventListener('click', (event) => {
    const token = tokenOf(event);
    if (token !== null) dispatch({ type: 'lock', token });
  });
  selection.addEventListener('keydown', (event) => {
    if (event.ctrlKey || event.metaKey || event.altKey) return;
    if (MOVE_KEYS.includes(event.key)) dispatch({ type: 'move', key: event.key });
    else if (event.key === 'Enter' || event.key === ' ') dispatch({ type: 'toggleLock' });
    else return;
    event.preventDefault();
    speak(getState().locked ?? getState().hover);
  });
  return { renderBase, renderSelection, speak, forget: () => (backdropOf = '') };
}
