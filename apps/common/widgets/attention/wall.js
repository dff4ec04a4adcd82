// The wall: every head of every layer as a thumbnail, on one canvas; pointing previews a head everywhere, a click locks it.

import { canHover, fitCanvas, pixelRatio, pointerIn, setText } from '../shared/dom.js';
import { MOVE_KEYS, patchPlace, tokenName } from '../shared/geometry.js';
import { createGate } from '../shared/schedule.js';
import { mapOf, packedLut } from './hues.js';
import { thumbPixels, tokenPixels } from './pixels.js';
import { headShort } from './run.js';
import { shownHead } from './state.js';
import { fitted, headAt, layoutWall, thumbRect, wantedWidth } from './walllayout.js';

const FRAMES_ACROSS = 4;
const FINGER = 24; // CSS pixels that a finger can hit
const POINTER = 18;
const BESIDE = 820; // CSS pixels of the widget from which on the wall stands beside the picture; as in the style sheet
const BESIDE_WORDS = 230; // CSS pixels that the words beside a compact wall need
const MARGIN = 6; // CSS pixels around the wall, where the mark of an outer head lies; as in the style sheet

/** Pixels of one head's patches, frames side by side as they are on the stage: {pixels, width, height}. */
export function patchPicture(pixels, shape) {
  const across = Math.min(shape.frames, FRAMES_ACROSS);
  const [width, height] = [across * shape.cols, Math.ceil(shape.frames / across) * shape.rows];
  const placed = new Uint32Array(width * height);
  pixels.forEach((value, patch) => {
    const { frame, row, col } = patchPlace(shape, patch);
    placed[(Math.floor(frame / across) * shape.rows + row) * width + (frame % across) * shape.cols + col] = value;
  });
  return { pixels: placed, width, height };
}

/** View of the wall; `typesOf(layer, head)` names the types of a head. */
export function createWall({ parts, getScene, dispatch, widthOf, speak, typesOf }) {
  const { tour, wall, wallScroll, wallMark, wallPeek, wallHead, wallNote, wallSize } = parts;
  const gate = createGate();
  const tile = document.createElement('canvas');
  const luts = { rank: packedLut(mapOf('rank')), other: packedLut(mapOf('pattern')) };
  let layout = null;

  function tileOf(scene, index) {
    const { kind, shape } = scene.panes[0];
    const lut = luts[kind] ?? luts.other;
    const { thumbs, tokens } = scene.wall;
    if (scene.state.thumbs === 'matrix') {
      return thumbs && { pixels: thumbPixels(thumbs, index, kind, lut), width: thumbs.side, height: thumbs.side };
    }
    const side = tokens && (scene.state.thumbs === 'from' ? tokens.row : tokens.column);
    return side && patchPicture(tokenPixels(side, index, shape.nTokens, shape.nPrefix, kind, lut), shape);
  }
  function drawTile(context, box, found) {
    if (!found) return context.fillRect(box.x, box.y, box.width, box.height);
    if (tile.width !== found.width || tile.height !== found.height) [tile.width, tile.height] = [found.width, found.height];
    tile.getContext('2d').putImageData(new ImageData(new Uint8ClampedArray(found.pixels.buffer), found.width, found.height), 0, 0);
    const to = fitted(box, found.height / found.width);
    context.imageSmoothingEnabled = to.width * pixelRatio() < found.width;
    context.imageSmoothingQuality = 'high';
    return context.drawImage(tile, to.x, to.y, to.width, to.height);
  }
  function drawLabels(context, { theme }) {
    const { cell, left, top, nLayers, nHeads } = layout;
    context.font = `11px ${theme.font}`;
    context.textBaseline = 'middle';
    context.fillStyle = theme.muted;
    context.textAlign = 'right';
    for (let layer = 0; layer < nLayers; layer++) context.fillText(String(layer), left - 5, top + (layer + 0.5) * cell);
    context.textAlign = 'center';
    for (let unit = 0; unit < nHeads; unit++) context.fillText(String(unit), left + (unit + 0.5) * cell, top - 8);
    context.textAlign = 'left';
    context.fillText('L\\H', 2, top - 8);
  }
  function draw(scene) {
    const { nLayers, nHeads } = scene.panes[0].shape;
    tour.style.setProperty('--pl-wall', `${wantedWidth(nHeads)}px`);
    const least = canHover() ? POINTER : FINGER;
    layout = layoutWall({ width: roomFor(nHeads, least), height: boxHeight() - 2 * MARGIN, nLayers, nHeads, least });
    wallScroll.style.maxHeight = `${boxHeight()}px`;
    const { state } = scene;
    const source = state.thumbs === 'matrix' ? scene.wall.thumbs : scene.wall.tokens;
    const key = [scene.serial, scene.panes[0].kind, state.thumbs, scene.wall.token, Boolean(source), layout.cell, devicePixelRatio, scene.themeSerial];
    if (!gate.opens(key.join())) return;
    const context = fitCanvas(wall, layout.width, layout.height);
    context.clearRect(0, 0, layout.width, layout.height);
    drawLabels(context, scene);
    context.fillStyle = scene.theme.soft;
    for (let index = 0; index < nLayers * nHeads; index++) {
      const head = { layer: Math.floor(index / nHeads), unit: index % nHeads };
      drawTile(context, thumbRect(layout, head), tileOf(scene, index));
    }
  }
  const isBeside = () => widthOf(tour) >= BESIDE;
  // Above the picture the wall leaves most of the screen to what it changes.
  function boxHeight() {
    if (isBeside()) return Math.round(Math.min(620, innerHeight - 280));
    const [most, share] = widthOf(tour) < 560 ? [220, 0.24] : [264, 0.3]; // above the picture, which is to stay in sight
    return Math.round(Math.max(150, Math.min(most, innerHeight * share)));
  }
  function roomFor(nHeads, least) {
    const room = widthOf(tour);
    if (isBeside()) return widthOf(wallScroll) - 2 * MARGIN;
    const inner = room - 30 - 2 * MARGIN;
    tour.dataset.wall = 26 + nHeads * least + BESIDE_WORDS <= inner ? 'row' : 'stack';
    return tour.dataset.wall === 'row' ? inner - BESIDE_WORDS : inner;
  }
  function fade() {
    const { scrollTop, scrollHeight, clientHeight } = wallScroll;
    wallScroll.dataset.more = String(scrollHeight - scrollTop - clientHeight > 4);
  }
  function place(mark, head, isWhole) {
    const rect = thumbRect(layout, { layer: head.layer, unit: isWhole ? 0 : head.unit });
    const width = isWhole ? layout.width - layout.left - 3 : rect.width;
    mark.style.transform = `translate(${rect.x - 2}px, ${rect.y - 2}px)`;
    mark.style.width = `${width + 4}px`;
    mark.style.height = `${rect.height + 4}px`;
  }
  function mark({ state }) {
    const head = shownHead(state);
    place(wallMark, head, !Number.isInteger(head.unit));
    wallMark.dataset.locked = String(state.locked);
    wallPeek.hidden = !state.peek;
    if (state.peek) place(wallPeek, state, !Number.isInteger(state.unit));
  }
  function tell(scene) {
    const { state, panes: [{ head, shape }] } = scene;
    const isHead = Number.isInteger(head.unit);
    const named = isHead ? typesOf(head.layer, head.unit) : [];
    const what = isHead ? headShort(head.layer, head.unit) : `L${head.layer} ${head.unit}`;
    setText(wallHead, `${what}${named.length ? ` · ${named.join(', ')}` : ''}${state.locked ? ` · locked, ${canHover() ? 'Esc' : 'a second tap'} releases` : ''}`);
    setText(wallSize, `${shape.nLayers} layers × ${shape.nHeads} heads`);
    setText(wallNote, noteOf(scene, shape));
  }
  function noteOf({ state, wall: { token, problem } }, shape) {
    if (problem) return problem;
    if (state.thumbs === 'matrix') return 'Each thumbnail is a head’s whole matrix, on its own scale; its brightest hundredth is all alike.';
    const who = `${token < shape.nPrefix ? '' : 'the patch in '}${tokenName(shape, token)}`;
    const what = state.thumbs === 'from' ? `What ${who} reads in each head` : `Who reads ${who} in each head`;
    return `${what}${state.token === null ? '; lock another patch in the picture' : ''}.`;
  }
  function render() {
    const scene = getScene();
    if (!scene?.panes[0] || !widthOf(wallScroll)) return;
    draw(scene);
    mark(scene);
    tell(scene);
    fade();
  }
  /** Scroll so that the chosen head can be seen inside the wall's own box. */
  function reveal() {
    const { state } = getScene();
    const rect = thumbRect(layout, { layer: state.layer, unit: Number.isInteger(state.unit) ? state.unit : 0 });
    const { scrollTop, scrollLeft, clientHeight, clientWidth } = wallScroll;
    if (rect.y < scrollTop) wallScroll.scrollTop = rect.y - 4;
    else if (rect.y + rect.height > scrollTop + clientHeight) wallScroll.scrollTop = rect.y + rect.height - clientHeight + 4;
    if (rect.x < scrollLeft) wallScroll.scrollLeft = rect.x - layout.left;
    else if (rect.x + rect.width > scrollLeft + clientWidth) wallScroll.scrollLeft = rect.x + rect.width - clientWidth + 4;
  }

  wallScroll.addEventListener('scroll', fade, { passive: true });
  const headOf = (event) => {
    const { x, y } = pointerIn(wall, event);
    return layout && headAt(layout, x, y);
  };
  wall.addEventListener('pointermove', (event) => event.pointerType !== 'touch' && dispatch({ type: 'peekHead', head: headOf(event) }));
  wall.addEventListener('pointerleave', (event) => event.pointerType !== 'touch' && dispatch({ type: 'peekHead', head: null }));
  wall.addEventListener('click', (event) => {
    const head = headOf(event);
    if (head) dispatch({ type: 'lockHead', head });
  });
  wall.addEventListener('keydown', (event) => {
    if (event.ctrlKey || event.metaKey || event.altKey) return;
    if (MOVE_KEYS.includes(event.key)) dispatch({ type: 'moveHead', key: event.key });
    else if (event.key === 'Enter' || event.key === ' ') dispatch({ type: 'toggleHead' });
    else return;
    event.preventDefault();
    requestAnimationFrame(() => getScene() && reveal());
    speak();
  });
  return { render, forget: gate.reset, canvas: wall };
}
