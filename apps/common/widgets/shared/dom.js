// Small helpers for elements. Text only ever enters through textContent.

let uidCount = 0;

/** An id that no other element of the page has. */
export function uniqueId(stem) {
  uidCount += 1;
  return `pl-${stem}-${uidCount}-${Math.random().toString(36).slice(2, 8)}`;
}

/** A new element: `text` through textContent, `on…` as listeners, the rest as attributes. */
export function make(tag, attributes = {}, ...children) {
  const made = document.createElement(tag);
  for (const [name, value] of Object.entries(attributes)) {
    if (value === null || value === undefined || value === false) continue;
    if (name === 'text') made.textContent = value;
    else if (name.startsWith('on')) made.addEventListener(name.slice(2), value);
    else made.setAttribute(name, value === true ? '' : value);
  }
  made.append(...children);
  return made;
}

/** Every element with data-part below root, by name. */
export function collectParts(root) {
  const parts = {};
  for (const found of root.querySelectorAll('[data-part]')) parts[found.dataset.part] = found;
  return parts;
}

/** Write text only where it differs, so that nothing is laid out again for nothing. */
export function setText(target, text) {
  if (target.textContent !== text) target.textContent = text;
}

/** Hand the focus on from what is about to be hidden or disabled; nothing happens where the focus is elsewhere. */
export function passFocus(from, to) {
  if (from.contains(document.activeElement)) to.focus({ preventScroll: true });
}

const PICTOGRAPH = /(\p{Extended_Pictographic}(?:\uFE0F|\p{Emoji_Modifier}|\u200D\p{Extended_Pictographic})*)/u;

/** Text in pieces, [{text, isEmoji}]: what has to be drawn with the emoji font, and what lies between. */
export function emojiPieces(text) {
  return text.split(PICTOGRAPH).map((piece, i) => ({ text: piece, isEmoji: i % 2 === 1 })).filter((piece) => piece.text);
}

/** Write text whose emoji are drawn with the emoji font, and only where it differs. */
export function setEmojiText(target, text) {
  if (target.textContent === text) return;
  target.replaceChildren(...emojiPieces(text).map((piece) => (piece.isEmoji ? make('span', { class: 'pl-emoji', text: piece.text }) : piece.text)));
}

/** Size a canvas for the screen's pixel density; returns its context, scaled to CSS pixels. */
export function fitCanvas(canvas, width, height) {
  const dpr = pixelRatio();
  const [w, h] = [Math.max(1, Math.round(width * dpr)), Math.max(1, Math.round(height * dpr))];
  if (canvas.width !== w || canvas.height !== h) [canvas.width, canvas.height] = [w, h];
  canvas.style.width = `${width}px`;
  canvas.style.height = `${height}px`;
  const context = canvas.getContext('2d');
  context.setTransform(dpr, 0, 0, dpr, 0, 0);
  return context;
}

/** Device pixels per CSS pixel, at most 3: more costs time and nobody sees it. */
export function pixelRatio() {
  return Math.min(3, globalThis.devicePixelRatio || 1);
}

/** Position of a pointer event inside an element, in CSS pixels. */
export function pointerIn(target, event) {
  const box = target.getBoundingClientRect();
  return { x: event.clientX - box.left, y: event.clientY - box.top };
}

/** True where the main pointer can hover; fingers cannot. */
export function canHover() {
  return globalThis.matchMedia?.('(hover: hover)').matches ?? true;
}

/** True where the visitor asked for less motion. */
export function prefersStill() {
  return globalThis.matchMedia?.('(prefers-reduced-motion: reduce)').matches ?? false;
}
