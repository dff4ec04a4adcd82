// Every token at every layer as one emoji table: rows are layers, columns tokens; only what is in sight is drawn.

import { fitText } from '../shared/canvas.js';
import { fitCanvas, pointerIn } from '../shared/dom.js';
import { clampIndex } from '../shared/geometry.js';
import { isSure, topClass } from '../shared/lensdata.js';
import { shownLayer, shownToken } from './state.js';

const CELL = 22;
const SIDE = 62;
const TOP = 22;

/** First and last column in sight: [from, to), for a scroll position and a width in CSS pixels. */
export function columnsInSight(scrollLeft, width, nTokens) {
  const from = Math.max(0, Math.floor(scrollLeft / CELL));
  return [from, Math.min(nTokens, Math.ceil((scrollLeft + width - SIDE) / CELL))];
}

function columnTitle(lens, token) {
  if (token < lens.nPrefix) return lens.meta.prefix_names[token] ?? '';
  const patch = token - lens.nPrefix;
  return patch % lens.cols === 0 ? `row ${Math.floor(patch / lens.cols) + 1}` : '';
}

function drawColumn(context, scene, token, x) {
  const { lens, colors, vocabulary, painter, scale, theme } = scene;
  for (let layer = 0; layer < lens.nLayers; layer++) {
    const y = TOP + layer * CELL;
    const index = topClass(lens, layer, token);
    const quiet = scene.state.overlay !== 'search' && !isSure(lens, layer, token, scene.state.least);
    context.globalAlpha = quiet ? 0.08 : scale ? 0.95 : 0.4;
    context.fillStyle = colors(layer, token);
    context.fillRect(x, y, CELL - 1, CELL - 1);
    context.globalAlpha = 1;
    if (scene.state.overlay !== 'search' && !quiet) {
      painter.draw(context, vocabulary.emoji[index], x + CELL / 2 - 0.5, y + CELL / 2 - 0.5, CELL - 6, vocabulary.colors[index]);
    }
  }
  const title = columnTitle(lens, token);
  if (!title) return;
  context.fillStyle = theme.muted;
  context.fillText(token < lens.nPrefix ? fitText(context, title, CELL - 1) : title, x + (token < lens.nPrefix ? 0 : 2), TOP / 2);
}

function drawSide(context, { lens, theme }, height) {
  context.fillStyle = theme.bg;
  context.fillRect(0, 0, SIDE, height);
  context.textAlign = 'right';
  context.fillStyle = theme.fg;
  lens.labels.forEach((label, layer) => context.fillText(label, SIDE - 8, TOP + (layer + 0.5) * CELL));
}

/** View of the table; its scroller holds a wide spacer and a canvas that stays in sight. */
export function createMatrix({ parts, getScene, dispatch, widthOf }) {
  const { matrixScroll, matrixSpace, matrix, matrixColumn, matrixRow } = parts;

  let scrolled = 0;

  function draw() {
    const scene = getScene();
    const width = widthOf(matrixScroll);
    if (!scene || !width) return;
    const { lens, theme } = scene;
    const height = TOP + lens.nLayers * CELL;
    matrixSpace.style.width = `${SIDE + lens.nTokens * CELL}px`;
    const context = fitCanvas(matrix, width, height);
    context.clearRect(0, 0, width, height);
    context.font = `10.5px ${theme.font}`;
    context.textBaseline = 'middle';
    context.textAlign = 'left';
    const [from, to] = columnsInSight(scrolled, width, lens.nTokens);
    for (let token = from; token < to; token++) drawColumn(context, scene, token, SIDE + token * CELL - scrolled);
    drawSide(context, scene, height);
    mark();
  }
  function mark() {
    const scene = getScene();
    if (!scene) return;
    const token = shownToken(scene.state);
    matrixRow.style.transform = `translateY(${TOP + shownLayer(scene.state) * CELL - 1}px)`;
    matrixColumn.hidden = token === null;
    if (token === null) return;
    matrixColumn.style.height = `${scene.lens.nLayers * CELL + 1}px`;
    matrixColumn.style.transform = `translate(${SIDE + token * CELL - 1}px, ${TOP - 1}px)`;
  }
  /** Scroll so that a token's column can be seen. */
  function reveal(token) {
    if (token === null) return;
    const x = token * CELL;
    const room = widthOf(matrixScroll) - SIDE;
    if (x < scrolled || x + CELL > scrolled + room) matrixScroll.scrollLeft = Math.max(0, x - room / 2);
  }
  function cellOf(event) {
    const { lens } = getScene();
    const { x, y } = pointerIn(matrix, event);
    if (x < SIDE || y < TOP) return null;
    const token = Math.floor((x - SIDE + scrolled) / CELL);
    return token < lens.nTokens ? { token, layer: clampIndex(Math.floor((y - TOP) / CELL), lens.nLayers) } : null;
  }
  function onKey(event) {
    const { lens, state } = getScene();
    const at = { layer: state.layer, token: shownToken(state) ?? 0 };
    const [dx, dy] = { ArrowLeft: [-1, 0], ArrowRight: [1, 0], ArrowUp: [0, -1], ArrowDown: [0, 1] }[event.key] ?? [0, 0];
    if (!dx && !dy) return;
    event.preventDefault();
    const token = clampIndex(at.token + dx, lens.nTokens);
    dispatch({ type: 'choose', layer: clampIndex(at.layer + dy, lens.nLayers), token });
    reveal(token);
  }
  matrix.addEventListener('pointermove', (event) => {
    if (event.pointerType === 'touch' || !getScene()) return;
    const cell = cellOf(event);
    dispatch(cell ? { type: 'preview', ...cell } : { type: 'preview', layer: null, token: null });
  });
  matrix.addEventListener('pointerleave', () => getScene() && dispatch({ type: 'preview', layer: null, token: null }));
  matrix.addEventListener('click', (event) => {
    const cell = getScene() && cellOf(event);
    if (cell) dispatch({ type: 'choose', ...cell });
  });
  matrix.addEventListener('keydown', (event) => getScene() && onKey(event));
  matrixScroll.addEventListener('scroll', () => {
    scrolled = matrixScroll.scrollLeft;
    draw();
  }, { passive: true });
  return { draw, mark, reveal };
}
