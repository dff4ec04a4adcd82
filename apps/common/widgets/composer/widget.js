// The scene composer: wires the scene to canvas, palette and list. The server draws the exact picture, this is a preview.

import { collectParts, fitCanvas, setText } from '../shared/dom.js';
import { EmojiPainter, loadEmojiFamily } from '../shared/emoji.js';
import { fetchJson, fetchPicture } from '../shared/fetching.js';
import { createLatest, debounce, oncePerFrame } from '../shared/schedule.js';
import { watchTheme } from '../shared/theme.js';
import { checkVocabulary, className } from '../shared/vocabulary.js';
import { watchWidths } from '../shared/widths.js';
import { createObjectList } from './objectlist.js';
import { drawScene } from './paint.js';
import { createPalette } from './palette.js';
import { attachPointer } from './pointer.js';
import { addObject, bringToFront, changeObject, keyScene, MAX_BACKGROUND, MAX_OBJECTS, nextSelected, removeObject, sceneValue,
  tidyObject } from './scene.js';

const SETTLE_MS = 250;
const REMEMBERED = 24;

/**
 * Bring the composer to life in an element that holds widget.html.
 *
 * `onEvent('compose', {size, background, objects})` is called when the visitor lets go. Besides the contract's fields,
 * value may hold `font` (address of the emoji font) and `background_url` (a picture of the background alone, once the
 * seed is appended).
 */
export function mount({ element, value, onEvent = () => {} }) {
  const root = element.querySelector('.pl-composer');
  const parts = collectParts(root);
  const painter = new EmojiPainter();
  const [latest, backdrops] = [createLatest(), createLatest()];
  const widths = watchWidths([parts.easel], () => drawSoon());
  let scene = { size: 96, background: 0, objects: [], selected: null };
  let [vocabulary, vocabularyUrl, fontUrl] = [{ names: [], emoji: [], colors: [] }, null, null];
  let [backdrop, backdropUrl, backdropPrefix, lastSent] = [null, null, null, ''];
  const sent = []; // an echo of what came from here must not undo what was done since

  const side = () => widths.widthOf(parts.easel);
  const drawSoon = oncePerFrame(draw);
  const sendLater = debounce(send, SETTLE_MS);
  const palette = createPalette({ parts, painter, getVocabulary: () => vocabulary, isFull: () => scene.objects.length >= MAX_OBJECTS, add });
  const list = createObjectList({ parts, painter, getVocabulary: () => vocabulary, select: (i) => show({ ...scene, selected: i }),
    change: (i, change) => commit(changeObject(scene, i, change)), remove: (i) => commit(removeObject(scene, i)),
    front: (i) => commit(bringToFront(scene, i)) });
  const pointer = attachPointer(parts.canvas, { getScene: () => scene, getZoom: () => Math.max(0.01, side() / scene.size),
    preview: show, finish: sendLater });

  function draw() {
    if (!side()) return;
    const look = { side: side(), backdrop, vocabulary, painter, framed: true };
    drawScene(fitCanvas(parts.canvas, side(), side()), scene, look);
    const left = MAX_OBJECTS - scene.objects.length;
    setText(parts.room, left ? `(room for ${left} more)` : '(four is the most; remove one first)');
    for (const button of root.querySelectorAll('[data-act]')) button.disabled = scene.selected === null;
    palette.showFull();
    list.render(scene);
  }
  function show(next) {
    if (next === scene) return;
    scene = next;
    drawSoon();
  }
  function commit(next) {
    if (next === scene) return;
    show(next);
    sendLater();
  }
  function add(index) {
    commit(addObject(scene, index));
    speak();
  }
  function send() {
    const text = JSON.stringify(sceneValue(scene));
    if (text === lastSent) return;
    lastSent = text;
    sent.push(text);
    if (sent.length > REMEMBERED) sent.shift();
    onEvent('compose', sceneValue(scene));
  }
  function speak() {
    const object = scene.objects[scene.selected];
    setText(parts.spoken, object ? `${className(vocabulary, object.class)} at ${object.x} across, ${object.y} down, `
      + `${object.size} pixels, turned ${object.angle} degrees` : 'nothing selected');
  }

  function onTab(event) {
    const next = nextSelected(scene, event.shiftKey);
    show({ ...scene, selected: next });
    if (next === null) return;
    event.preventDefault();
    speak();
  }
  parts.canvas.addEventListener('keydown', (event) => {
    if (event.ctrlKey || event.metaKey || event.altKey) return;
    if (event.key === 'Tab') return onTab(event);
    if (event.key === 'Escape') return show({ ...scene, selected: null });
    const next = keyScene(scene, event.key, event.shiftKey);
    if (!next) return;
    event.preventDefault();
    commit(next);
    speak();
  });
  root.addEventListener('click', (event) => {
    const act = event.target.closest('[data-act]');
    const next = act && keyScene(scene, act.dataset.act);
    if (next) commit(next);
  });
  parts.newBackground.addEventListener('click', () => {
    commit({ ...scene, background: Math.floor(Math.random() * (MAX_BACKGROUND + 1)) });
    loadBackdrop();
  });

  /** Fetch the picture of the scene's background; until it is there, or without an address, a stand-in is drawn. */
  async function loadBackdrop() {
    const url = backdropPrefix ? `${backdropPrefix}${scene.background}` : null;
    if (url === backdropUrl) return;
    backdropUrl = url;
    const ticket = backdrops.begin();
    const next = url ? await fetchPicture(url, 'The background').catch(() => null) : null;
    if (ticket.isStale()) return next?.close();
    backdrop?.close();
    backdrop = next;
    parts.standIn.hidden = backdrop !== null;
    return drawSoon();
  }
  async function loadVocabulary(url) {
    if (!url || url === vocabularyUrl) return;
    vocabulary = checkVocabulary(await fetchJson(url, 'The list of class names'));
    vocabularyUrl = url;
    palette.render();
  }
  function loadFont(url) {
    if (fontUrl !== null && url === fontUrl) return;
    fontUrl = url;
    loadEmojiFamily(url).then((family) => {
      painter.use(family);
      root.style.setProperty('--pl-emoji', family);
      palette.render();
      drawSoon();
    });
  }
  function takeScene(next) {
    const objects = (next.objects ?? []).slice(0, MAX_OBJECTS).map((object) => tidyObject(object, next.size));
    const taken = { size: next.size, background: next.background ?? 0, objects };
    const text = JSON.stringify(taken);
    if (pointer.isBusy() || sent.includes(text)) return;
    sendLater.cancel();
    lastSent = text;
    show({ ...taken, selected: scene.selected < objects.length ? scene.selected : null });
  }
  async function update(incoming) {
    const next = incoming ? JSON.parse(JSON.stringify(incoming)) : null;
    if (!next?.vocabulary) return;
    const ticket = latest.begin();
    takeScene(next);
    loadFont(next.font ?? null);
    backdropPrefix = next.background_url ?? null;
    loadBackdrop();
    try {
      await loadVocabulary(next.vocabulary);
      if (ticket.isStale()) return;
      parts.notice.hidden = true;
      root.dataset.phase = 'ready';
    } catch (error) {
      if (ticket.isStale()) return;
      setText(parts.notice, error.message);
      parts.notice.hidden = false;
    }
    drawSoon();
  }

  const stopTheme = watchTheme(root, drawSoon);
  root.__composer = { getScene: () => scene };
  update(value);

  function destroy() {
    latest.cancel();
    backdrops.cancel();
    sendLater.cancel();
    widths.stop();
    stopTheme();
  }
  return { update, destroy };
}
