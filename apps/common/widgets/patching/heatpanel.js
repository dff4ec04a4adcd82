// One map on the screen: two canvases, cells below and marks above; pointing tells, a click puts in, a tap chooses first.

import { paintBackdrop, paintFaded } from '../shared/canvas.js';
import { canHover, fitCanvas, make, pointerIn } from '../shared/dom.js';
import { createGate } from '../shared/schedule.js';
import { heatCellAt, layoutCells, layoutTiles, tilePicture } from './heatlayout.js';
import { drawHeat, drawHeatMarks, paintWashed } from './heatpaint.js';
import { chipKey } from './places.js';
import { chipOfCell } from './sweepdata.js';

const LEAST = { mouse: { cell: 18, tile: 108 }, touch: { cell: 28, tile: 156 } };
const KEYS = ['ArrowLeft', 'ArrowRight', 'ArrowUp', 'ArrowDown', 'Home', 'End', 'PageUp', 'PageDown'];
const HELP = 'Arrow keys move from cell to cell, page up and down change the row, Enter puts a part in or takes it out, Escape lets go.';

/** The cells of a map that are put in already, [[row, column], …]. */
export function appliedCells(data, shape, chips) {
  const wanted = new Set(chips.map((chip) => chipKey(shape, chip)));
  const found = [];
  for (let i = 0; wanted.size && i < data.rows; i++) {
    for (let j = 0; j < data.cols; j++) if (wanted.has(chipKey(shape, chipOfCell(data, [i, j])))) found.push([i, j]);
  }
  return found;
}

/** View of one map inside a holder; `direction` is denoise, noise or preview. */
export function createHeatPanel({ holder, direction, title, getScene, dispatch, widthOf, speak }) {
  const base = make('canvas', { class: 'pl-base', 'aria-hidden': 'true' });
  const over = make('canvas', { class: 'pl-over', tabindex: '0', role: 'application', 'aria-roledescription': 'map of experiments',
    'aria-label': `${title} ${HELP}` });
  const canvases = make('div', { class: 'pl-canvases' }, base, over);
  holder.append(canvases);
  const [below, above, chipped] = [createGate(), createGate(), createGate()];
  let [layout, data, backdrop, backdropKey, applied] = [null, null, null, '', []];

  function relayout({ shape, run, data: map }) {
    data = map;
    const least = canHover() ? LEAST.mouse : LEAST.touch;
    const size = { width: widthOf(holder), rows: data.rows, cols: data.cols };
    layout = data.colAxis === 'token'
      ? layoutTiles({ ...size, least: least.tile, shape, image: run.image, firstToken: data.firstToken })
      : layoutCells({ ...size, least: least.cell });
  }
  function backdropOf(scene) {
    const image = scene.images[direction === 'noise' ? 'clean' : 'corrupt'];
    if (layout.kind !== 'tiles' || !image) return null;
    const { width, height } = tilePicture(layout, 0);
    const key = [scene.versions.images, width, height, devicePixelRatio, scene.theme.dark].join();
    if (key !== backdropKey) {
      backdropKey = key;
      backdrop = paintWashed(paintFaded(paintBackdrop(image, { width, height }, false), scene.theme), scene.theme);
    }
    return backdrop;
  }
  function render() {
    const scene = getScene();
    if (!scene?.data || holder.hidden || !widthOf(holder)) return;
    relayout(scene);
    const { state, versions } = scene;
    const size = [layout.kind, layout.width, layout.height, devicePixelRatio];
    const key = [...size, versions.sweep, versions.run, versions.images, scene.themeSerial, scene.fontReady, state.scale];
    if (below.opens(key.join())) {
      drawHeat(fitCanvas(base, layout.width, layout.height), scene, { layout, data, direction, backdrop: backdropOf(scene) });
      canvases.style.width = `${layout.width}px`;
    }
    const chipsKey = [versions.sweep, versions.run, JSON.stringify(state.chips)].join();
    if (chipped.opens(chipsKey)) applied = appliedCells(data, scene.shape, state.chips);
    if (!above.opens([...size, chipsKey, state.cell, state.hover].join('|'))) return;
    drawHeatMarks(fitCanvas(over, layout.width, layout.height), layout, { applied, cell: state.cell, hover: state.hover });
  }

  const cellOf = (event) => {
    const { x, y } = pointerIn(over, event);
    return layout && heatCellAt(layout, x, y);
  };
  const toggle = (cell) => dispatch({ type: 'toggle', chip: chipOfCell(data, cell) });
  over.addEventListener('pointermove', (event) => event.pointerType !== 'touch' && dispatch({ type: 'hover', cell: cellOf(event), panel: direction }));
  over.addEventListener('pointerleave', (event) => event.pointerType !== 'touch' && dispatch({ type: 'hover', cell: null }));
  over.addEventListener('click', (event) => {
    const cell = cellOf(event);
    if (!cell) return;
    const isChosen = String(getScene().state.cell) === String(cell);
    dispatch({ type: 'cell', cell, panel: direction });
    if (event.pointerType !== 'touch' || isChosen) toggle(cell); // a finger chooses first: it cannot hover
    speak();
  });
  over.addEventListener('keydown', (event) => {
    if (event.ctrlKey || event.metaKey || event.altKey || !data) return;
    const { cell } = getScene().state;
    if (KEYS.includes(event.key)) {
      dispatch({ type: 'panel', value: direction });
      dispatch({ type: 'moveCell', key: event.key, firstToken: data.firstToken });
    } else if ((event.key === 'Enter' || event.key === ' ') && cell) toggle(cell);
    else return;
    event.preventDefault();
    speak();
  });
  function forget() {
    for (const gate of [below, above, chipped]) gate.reset();
  }
  return { render, forget, canvas: over };
}
