// All layers side by side as small pictures; a click jumps there.

import { fitCanvas, make } from '../shared/dom.js';
import { isSure, topClass } from '../shared/lensdata.js';
import { shownLayer } from './state.js';

const THUMB_WIDTH = 84;
const FRAME_STEP = THUMB_WIDTH + 14; // with padding, border and gap of .pl-frame in the style sheet
const THUMB_EMOJI_CELL = 9;

function drawThumb(context, scene, layer, width, height) {
  const { lens, image, state, colors, vocabulary, painter } = scene;
  context.clearRect(0, 0, width, height);
  context.globalAlpha = 1;
  context.drawImage(image, 0, 0, width, height);
  const [w, h] = [width / lens.cols, height / lens.rows];
  const withEmoji = Math.min(w, h) >= THUMB_EMOJI_CELL && !scene.scale;
  for (let token = lens.nPrefix; token < lens.nTokens; token++) {
    if (state.overlay !== 'search' && !isSure(lens, layer, token, state.least)) continue;
    const patch = token - lens.nPrefix;
    const [x, y] = [(patch % lens.cols) * w, Math.floor(patch / lens.cols) * h];
    const index = topClass(lens, layer, token);
    const wanted = state.pinned;
    context.globalAlpha = wanted !== null && wanted !== index ? 0.1 : 0.85;
    context.fillStyle = colors(layer, token);
    context.fillRect(x, y, w + 0.3, h + 0.3);
    if (withEmoji) painter.draw(context, vocabulary.emoji[index], x + w / 2, y + h / 2, Math.min(w, h), vocabulary.colors[index]);
  }
  context.globalAlpha = 1;
}

/** View of the film strip: one button a layer, walked with the arrow keys. */
export function createStrip({ parts, getScene, dispatch, widthOf }) {
  const { strip } = parts;
  let frames = [];
  let scrolled = 0;

  function frame(label, layer) {
    const canvas = make('canvas', { 'aria-hidden': 'true' });
    const button = make('button', { type: 'button', class: 'pl-frame', 'aria-label': `layer ${label}` },
      canvas, make('span', { text: label }));
    button.addEventListener('click', () => dispatch({ type: 'layer', layer }));
    return { button, canvas };
  }
  function build(lens) {
    frames = lens.labels.map(frame);
    strip.replaceChildren(...frames.map(({ button }) => button));
  }
  function draw() {
    const scene = getScene();
    if (!scene) return;
    if (frames.length !== scene.lens.nLayers || strip.dataset.labels !== scene.lens.labels.join()) build(scene.lens);
    strip.dataset.labels = scene.lens.labels.join();
    const [imageHeight, imageWidth] = scene.lens.meta.image;
    const height = Math.min(140, Math.round((THUMB_WIDTH * imageHeight) / imageWidth));
    frames.forEach(({ canvas }, layer) => drawThumb(fitCanvas(canvas, THUMB_WIDTH, height), scene, layer, THUMB_WIDTH, height));
    mark();
  }
  function mark() {
    const scene = getScene();
    if (!scene) return;
    const current = shownLayer(scene.state);
    frames.forEach(({ button }, layer) => {
      const isCurrent = layer === current;
      if (isCurrent === (button.getAttribute('aria-current') === 'true')) return;
      button.setAttribute('aria-current', String(isCurrent));
    });
    frames.forEach(({ button }, layer) => (button.tabIndex = layer === scene.state.layer ? 0 : -1));
    if (current === scene.state.layer) keepInSight(current);
  }
  function keepInSight(layer) {
    const [left, width] = [layer * FRAME_STEP, widthOf(strip)];
    if (left < scrolled) strip.scrollLeft = left;
    else if (left + FRAME_STEP > scrolled + width) strip.scrollLeft = left + FRAME_STEP - width;
  }
  strip.addEventListener('scroll', () => (scrolled = strip.scrollLeft), { passive: true });
  strip.addEventListener('keydown', (event) => {
    const by = { ArrowLeft: -1, ArrowRight: 1 }[event.key];
    if (!by) return;
    event.preventDefault();
    const at = frames.findIndex(({ button }) => button === document.activeElement);
    const next = frames[Math.max(0, Math.min(frames.length - 1, at + by))];
    next.button.focus();
    next.button.click();
  });
  return { draw, mark };
}
