// The token × token matrix of a head: one picture of the cells, copied; above it the marks that follow the pointer.

import { drawTag, growRect, strokeCell } from '../shared/canvas.js';
import { fitCanvas, make, pixelRatio, pointerIn, setText } from '../shared/dom.js';
import { READ_BY, READS } from '../shared/hues.js';
import { createGate } from '../shared/schedule.js';
import { mapOf, packedLut } from './hues.js';
import { axisLabels, cellAtPoint, cellRect, LABEL_ROOM, layoutMatrix } from './matrixlayout.js';
import { cellAmount } from './paint.js';
import { matrixPixels, thumbPixels } from './pixels.js';

const MATRIX_MAX = 560;
const MATRIX_KEYS = ['ArrowLeft', 'ArrowRight', 'ArrowUp', 'ArrowDown', 'Home', 'End'];
const MATRIX_HELP = 'Rows read, columns are read. Arrow keys move from cell to cell, Enter locks the patch of the row, Escape clears.';

function blit(target, pixels, side) {
  if (target.width !== side) target.width = target.height = side;
  target.getContext('2d').putImageData(new ImageData(new Uint8ClampedArray(pixels.buffer), side, side), 0, 0);
}

function drawAxes(context, { theme }, layout, shape) {
  const { left, top, size } = layout;
  context.font = `10.5px ${theme.font}`;
  context.textBaseline = 'middle';
  const each = size / shape.nTokens;
  context.fillStyle = theme.muted;
  context.textAlign = 'right';
  for (const { token, text } of axisLabels(shape, size, LABEL_ROOM.down)) context.fillText(text, left - 6, top + token * each + 6);
  context.textAlign = 'left';
  for (const { token, text } of axisLabels(shape, size, LABEL_ROOM.across)) context.fillText(text, left + token * each, top - 8);
  context.fillStyle = theme.fg;
  context.textAlign = 'left';
  context.font = `600 11px ${theme.font}`;
  context.fillText('is read →', left, top - 24);
  context.textAlign = 'right';
  context.fillText('reads ↓', left - 4, top - 24);
}

function drawBand(context, { left, top, size, nTokens }, token, isRow, [r, g, b]) {
  const each = size / nTokens;
  const thick = Math.max(each, 3);
  const from = (isRow ? top : left) + (token + 0.5) * each - thick / 2;
  for (const [width, color] of [[3.5, 'rgba(0,0,0,.8)'], [2, `rgb(${r},${g},${b})`]]) {
    context.lineWidth = width;
    context.strokeStyle = color;
    context.beginPath();
    for (const edge of [from - 1, from + thick + 1]) {
      context.moveTo(isRow ? left : edge, isRow ? edge : top);
      context.lineTo(isRow ? left + size : edge, isRow ? edge : top + size);
    }
    context.stroke();
  }
}

/** View of the matrix of run `index` inside a holder. */
export function createMatrixView({ holder, index, getScene, dispatch, widthOf, speak, toFirst }) {
  const title = make('figcaption', { class: 'pl-panetitle' });
  const base = make('canvas', { class: 'pl-base', 'aria-hidden': 'true' });
  const over = make('canvas', { class: 'pl-over', tabindex: '0', role: 'application', 'aria-roledescription': 'matrix of attention' });
  const busy = make('span', { class: 'pl-busy', role: 'status', hidden: true, text: 'Loading…' });
  const problem = make('p', { class: 'pl-paneproblem', hidden: true });
  holder.replaceChildren(title, make('div', { class: 'pl-canvases' }, base, over, busy, problem));
  const [below, above] = [createGate(), createGate()];
  const cells = document.createElement('canvas');
  const luts = { rank: packedLut(mapOf('rank')), other: packedLut(mapOf('pattern')) };
  let layout = null;

  function drawCells(context, scene, pane) {
    const lut = luts[pane.kind] ?? luts.other;
    const { left, top, size } = layout;
    if (pane.unit) blit(cells, matrixPixels(pane.unit, pane.kind, scene.state.norm === 'row', lut, pane.common), pane.shape.nTokens);
    else if (pane.preview) blit(cells, thumbPixels(pane.preview.thumbs, pane.preview.index, pane.kind, lut), pane.preview.thumbs.side);
    else {
      context.fillStyle = scene.theme.soft;
      context.fillRect(left, top, size, size);
      return;
    }
    // Cells smaller than a device pixel are averaged, so that no row or column is lost.
    context.imageSmoothingEnabled = cells.width > size * pixelRatio() || !pane.unit;
    context.imageSmoothingQuality = 'high';
    context.globalAlpha = pane.unit ? 1 : 0.55;
    context.drawImage(cells, left, top, size, size);
    context.globalAlpha = 1;
  }
  function drawBelow(scene, pane) {
    const key = [scene.serial, pane.unitKey, Boolean(pane.unit), Boolean(pane.preview), layout.width, layout.height, devicePixelRatio,
      scene.themeSerial, scene.state.norm];
    if (!below.opens(key.join())) return;
    const context = fitCanvas(base, layout.width, layout.height);
    context.clearRect(0, 0, layout.width, layout.height);
    drawCells(context, scene, pane);
    drawAxes(context, scene, layout, pane.shape);
  }
  function drawMarks(context, scene, pane) {
    const { state } = scene;
    const { cell, reading } = pane;
    context.clearRect(0, 0, layout.width, layout.height);
    const row = cell ? cell.query : reading && state.paint !== 'to' ? reading.token : null;
    const column = cell ? cell.key : reading && state.paint !== 'from' ? reading.token : null;
    if (column !== null) drawBand(context, layout, column, false, READ_BY);
    if (row !== null) drawBand(context, layout, row, true, READS);
    if (!cell && pane.token !== null && pane.hover !== null && pane.hover !== pane.token) {
      strokeCell(context, growRect(cellRect(layout, { query: pane.token, key: pane.hover }), 9), false);
      strokeCell(context, growRect(cellRect(layout, { query: pane.hover, key: pane.token }), 9), false);
    }
    if (!cell || !pane.unit) return;
    const rect = growRect(cellRect(layout, cell), 11);
    strokeCell(context, rect, true);
    const frame = { layout: { width: layout.width, grid: { y: layout.top } }, theme: scene.theme };
    drawTag(context, frame, rect, cellAmount(pane, cell.query, cell.key));
  }
  function drawAbove(scene, pane) {
    const key = [scene.serial, pane.unitKey, layout.width, layout.height, devicePixelRatio, scene.themeSerial, scene.state.paint, pane.reading?.token,
      pane.hover, pane.token, pane.cell?.query, pane.cell?.key];
    if (above.opens(key.join())) drawMarks(fitCanvas(over, layout.width, layout.height), scene, pane);
  }
  function render() {
    const scene = getScene();
    const pane = scene?.panes[index];
    holder.hidden = !pane;
    if (!pane || !widthOf(holder)) return;
    setText(title, pane.matrixTitle);
    const label = `${pane.matrixTitle}: every token by every token. ${MATRIX_HELP}`;
    if (over.getAttribute('aria-label') !== label) over.setAttribute('aria-label', label);
    const maxHeight = Math.max(300, Math.min(620, innerHeight * 0.9));
    layout = layoutMatrix({ width: Math.min(MATRIX_MAX, widthOf(holder)), maxHeight, nTokens: pane.shape.nTokens, dpr: pixelRatio() });
    busy.hidden = Boolean(pane.unit || pane.problem);
    problem.hidden = !pane.problem || Boolean(pane.unit);
    setText(problem, pane.problem ?? '');
    drawBelow(scene, pane);
    drawAbove(scene, pane);
  }

  const cellOf = (event) => {
    const { x, y } = pointerIn(over, event);
    const cell = layout && cellAtPoint(layout, x, y);
    if (!cell) return null;
    const [query, key] = [toFirst(cell.query), toFirst(cell.key)];
    return query === null || key === null ? null : { query, key };
  };
  over.addEventListener('pointermove', (event) => event.pointerType !== 'touch' && dispatch({ type: 'cell', cell: cellOf(event) }));
  over.addEventListener('pointerleave', (event) => event.pointerType !== 'touch' && dispatch({ type: 'cell', cell: null }));
  over.addEventListener('click', (event) => {
    const cell = cellOf(event);
    if (cell) dispatch({ type: 'lockCell', cell });
  });
  over.addEventListener('keydown', (event) => {
    if (event.ctrlKey || event.metaKey || event.altKey) return;
    if (MATRIX_KEYS.includes(event.key)) dispatch({ type: 'moveCell', key: event.key });
    else if (event.key === 'Enter' || event.key === ' ') lockHere();
    else return;
    event.preventDefault();
    speak();
  });
  function lockHere() {
    const cell = getScene()?.state.cell;
    if (cell) dispatch({ type: 'lockCell', cell });
  }
  function forget() {
    below.reset();
    above.reset();
  }
  return { render, forget, canvases: [base, over] };
}
