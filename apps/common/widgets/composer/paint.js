// Draws the scene as a preview: background, emoji back to front, and the frame of the selected one.

import { handlesOf } from './scene.js';

const HANDLE_RADIUS = 9;

function hash(n) {
  const x = Math.sin(n * 127.1 + 311.7) * 43758.5453;
  return x - Math.floor(x);
}

/** Two hues and an angle for a background that has no picture yet, the same for the same seed. */
export function plainBackground(seed) {
  return { from: Math.floor(hash(seed) * 360), to: Math.floor(hash(seed + 1) * 360), angle: hash(seed + 2) * Math.PI };
}

function drawPlain(context, side, seed) {
  const { from, to, angle } = plainBackground(seed);
  const [dx, dy] = [(Math.cos(angle) * side) / 2, (Math.sin(angle) * side) / 2];
  const blend = context.createLinearGradient(side / 2 - dx, side / 2 - dy, side / 2 + dx, side / 2 + dy);
  blend.addColorStop(0, `hsl(${from} 38% 62%)`);
  blend.addColorStop(1, `hsl(${to} 32% 46%)`);
  context.fillStyle = blend;
  context.fillRect(0, 0, side, side);
}

function drawObject(context, object, { vocabulary, painter, zoom }) {
  context.save();
  context.translate(object.x * zoom, object.y * zoom);
  context.rotate((object.angle * Math.PI) / 180);
  painter.draw(context, vocabulary.emoji[object.class], 0, 0, object.size * zoom, vocabulary.colors[object.class]);
  context.restore();
}

function strokeTwice(context) {
  for (const [color, width] of [['rgba(0,0,0,.8)', 3.5], ['#ffffff', 1.75]]) {
    context.strokeStyle = color;
    context.lineWidth = width;
    context.stroke();
  }
}

function drawHandle(context, at, zoom, side, turns) {
  const inside = (v) => Math.max(HANDLE_RADIUS, Math.min(side - HANDLE_RADIUS, v * zoom));
  const [x, y] = [inside(at.x), inside(at.y)];
  context.beginPath();
  context.arc(x, y, HANDLE_RADIUS, 0, 2 * Math.PI);
  context.fillStyle = '#ffffff';
  context.fill();
  context.strokeStyle = 'rgba(0,0,0,.8)';
  context.lineWidth = 1.5;
  context.stroke();
  context.beginPath();
  if (turns) context.arc(x, y, 4, -2.4, 2.2);
  else for (const sign of [-1, 1]) context.rect(x + sign * 2.5 - 1.5, y + sign * 2.5 - 1.5, 3, 3);
  context.stroke();
}

function drawFrame(context, object, zoom, side) {
  context.save();
  context.translate(object.x * zoom, object.y * zoom);
  context.rotate((object.angle * Math.PI) / 180);
  const half = (object.size * zoom) / 2;
  context.beginPath();
  context.rect(-half, -half, 2 * half, 2 * half);
  strokeTwice(context);
  context.restore();
  const handles = handlesOf(object);
  drawHandle(context, handles.resize, zoom, side, false);
  drawHandle(context, handles.rotate, zoom, side, true);
}

/** Draw a scene on a square of `side` CSS pixels; `framed` shows the selection with its handles. */
export function drawScene(context, scene, { side, backdrop, framed, ...look }) {
  const zoom = side / scene.size;
  context.clearRect(0, 0, side, side);
  if (backdrop) context.drawImage(backdrop, 0, 0, side, side);
  else drawPlain(context, side, scene.background);
  for (const object of scene.objects) drawObject(context, object, { ...look, zoom });
  const chosen = framed && scene.selected !== null ? scene.objects[scene.selected] : null;
  if (chosen) drawFrame(context, chosen, zoom, side);
}
