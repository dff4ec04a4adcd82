// The mask painter: wires shapes to canvas, tools and list. What is seen is a preview, the server fills the real picture.

import { collectParts, fitCanvas, setText } from '../shared/dom.js';
import { fetchPicture } from '../shared/fetching.js';
import { createLatest, debounce, oncePerFrame } from '../shared/schedule.js';
import { showSegment, wireSegments } from '../shared/segments.js';
import { watchTheme } from '../shared/theme.js';
import { watchWidths } from '../shared/widths.js';
import { createMaskList, shapeWords } from './masklist.js';
import { drawMask, fillCanvas } from './maskpaint.js';
import { attachMaskPointer } from './maskpointer.js';
import { fullReason, initialMask, maskStep, maskValue, nextShape } from './maskstate.js';
import { coverage, tidyShapes } from './shapes.js';

const PAUSE_MS = 350;
const REMEMBERED_SENT = 24;
const MOST_WIDTH = 460;

/**
 * Bring the painter to life in an element that holds widget.html.
 *
 * `onEvent('mask', {shapes, fill})` is called once the visitor has paused.
 */
export function mount({ element, value, onEvent = () => {} }) {
  const root = element.querySelector('.pl-mask');
  const parts = collectParts(root);
  const latest = createLatest();
  const widths = watchWidths([parts.easel], () => drawSoon());
  const drawSoon = oncePerFrame(draw);
  const sendLater = debounce(send, PAUSE_MS);
  let [state, size, grid] = [initialMask(), [1, 1], [1, 1]];
  let [image, imageUrl, filling, fillingKey] = [null, null, null, ''];
  let [draft, moved, cursor, theme, lastSent, isReady] = [null, null, null, null, '', false];
  const sent = []; // an echo of what came from here must not undo what was done since

  const aspect = () => size[0] / size[1];
  const sizeNow = () => {
    const width = Math.max(1, Math.min(MOST_WIDTH, widths.widthOf(parts.easel)));
    return { width, height: Math.round(width * aspect()) };
  };
  const list = createMaskList({ parts, dispatch });
  const pointer = attachMaskPointer(parts.canvas, {
    getState: () => state, sizeOf: sizeNow, dispatch: (action) => {
      dispatch(action);
      speak();
    },
    preview: (shown) => {
      ({ draft = null, moved = null } = shown);
      drawSoon();
    },
    hover: (place) => {
      cursor = place;
      drawSoon();
    },
  });

  function dispatch(action) {
    const before = state;
    state = maskStep(state, action, grid);
    if (state === before) return;
    if (JSON.stringify(maskValue(state)) !== JSON.stringify(maskValue(before))) sendLater();
    drawSoon();
  }
  function send() {
    const text = JSON.stringify(maskValue(state));
    if (text === lastSent || !isReady) return;
    lastSent = text;
    sent.push(text);
    if (sent.length > REMEMBERED_SENT) sent.shift();
    onEvent('mask', maskValue(state));
  }
  function fillingNow(width, height) {
    const key = [imageUrl, Boolean(image), state.fill, width, height].join();
    if (key !== fillingKey) [fillingKey, filling] = [key, fillCanvas(image, state.fill, width, height)];
    return filling;
  }
  function draw() {
    if (!widths.widthOf(parts.easel) || !theme) return;
    const { width, height } = sizeNow();
    const shapes = moved ? state.shapes.map((shape, i) => (i === moved.index ? moved.shape : shape)) : state.shapes;
    drawMask(fitCanvas(parts.canvas, width, height), { image, shapes, draft, selected: state.selected, filling: fillingNow(width, height), grid, snap: state.snap,
      cursor: state.tool === 'brush' ? cursor : null, radius: state.radius, width, height, soft: theme.soft });
    showTools(shapes);
    list.render(state);
  }
  function showTools(shapes) {
    showSegment(parts.tool, state.tool);
    showSegment(parts.fill, state.fill);
    parts.snap.checked = state.snap;
    parts.radiusBox.hidden = state.tool !== 'brush';
    parts.radius.value = String(Math.round(100 * state.radius));
    parts.radius.style.setProperty('--pl-done', `${(100 * (state.radius - 0.01)) / 0.24}%`);
    parts.undo.disabled = !state.past.length;
    parts.remove.disabled = state.selected === null;
    parts.clear.disabled = !state.shapes.length;
    parts.addBox.disabled = Boolean(fullReason(state.shapes));
    const { touched, share } = coverage(shapes, grid, aspect());
    const covered = shapes.length ? `Covers ${touched} of ${grid[0] * grid[1]} patches, ${Math.round(100 * share)} % of the picture.` : 'Drag over what the model shall not see.';
    setText(parts.covered, fullReason(state.shapes) ?? covered);
  }
  function speak() {
    const shape = state.shapes[state.selected];
    setText(parts.spoken, shape ? `${shapeWords(shape, state.selected)} selected. ${parts.covered.textContent}` : `${state.shapes.length} shapes, none selected.`);
  }

  wireSegments(parts.tool, 'tool', dispatch);
  wireSegments(parts.fill, 'fill', dispatch);
  parts.snap.addEventListener('change', () => dispatch({ type: 'snap', value: parts.snap.checked }));
  parts.radius.addEventListener('input', () => dispatch({ type: 'radius', value: Number(parts.radius.value) / 100 }));
  for (const [part, type] of [['undo', 'undo'], ['remove', 'remove'], ['clear', 'clear'], ['addBox', 'fresh']]) {
    parts[part].addEventListener('click', () => {
      dispatch({ type });
      speak();
    });
  }
  parts.twin.addEventListener('toggle', drawSoon);
  function keyAction(event) {
    if ((event.ctrlKey || event.metaKey) && event.key.toLowerCase() === 'z') return { type: 'undo' };
    if (event.ctrlKey || event.metaKey) return null;
    if (event.key.startsWith('Arrow')) return { type: 'nudge', key: event.key, isGrowing: event.shiftKey, isFine: event.altKey };
    if (event.key === 'Enter' || event.key.toLowerCase() === 'b') return { type: 'fresh' };
    if (event.key === 'Delete' || event.key === 'Backspace') return { type: 'remove' };
    return event.key === 'Escape' && state.selected !== null ? { type: 'select', index: null } : null;
  }
  parts.canvas.addEventListener('keydown', (event) => {
    if (event.key === 'Tab') {
      const next = nextShape(state, event.shiftKey);
      dispatch({ type: 'select', index: next });
      if (next === null) return;
    } else {
      const action = keyAction(event);
      if (!action) return;
      dispatch(action);
    }
    event.preventDefault();
    speak();
  });

  async function loadImage(url) {
    if (url === imageUrl) return;
    imageUrl = url;
    const ticket = latest.begin();
    try {
      const next = await fetchPicture(url, 'The picture');
      if (ticket.isStale()) return next.close();
      image?.close();
      image = next;
      parts.notice.hidden = true;
    } catch (error) {
      if (ticket.isStale()) return undefined;
      image = null;
      setText(parts.notice, error.message);
      parts.notice.hidden = false;
    }
    return drawSoon();
  }
  function update(incoming) {
    const next = incoming ? JSON.parse(JSON.stringify(incoming)) : null;
    if (!next?.image) return;
    [size, grid] = [next.size, next.grid];
    isReady = true;
    root.dataset.phase = 'ready';
    loadImage(next.image);
    const text = JSON.stringify({ shapes: tidyShapes(next.shapes), fill: next.fill ?? state.fill });
    if (!pointer.isBusy() && !sent.includes(text) && text !== JSON.stringify(maskValue(state))) {
      sendLater.cancel();
      lastSent = text;
      state = maskStep(state, { type: 'take', shapes: next.shapes, fill: next.fill }, grid);
    }
    drawSoon();
  }
  const stopTheme = watchTheme(root, (colors) => {
    theme = colors;
    drawSoon();
  });
  root.__mask = { getState: () => state, dispatch };
  element.__mask = root.__mask;
  update(value);

  function destroy() {
    latest.cancel();
    sendLater.cancel();
    widths.stop();
    stopTheme();
  }
  return { update, destroy };
}
