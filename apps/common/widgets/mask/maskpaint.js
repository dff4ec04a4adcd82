// Draws the picture with its shapes filled as a preview, the frame of the selected one, and the patches where they are snapped to.

import { pixelRatio } from '../shared/dom.js';

const HANDLE = 6;
const BLUR_CELLS = 10; // a blurred picture is this many cells wide, scaled up
const NOISE_CELLS = 96;

function newCanvas(width, height) {
  return Object.assign(document.createElement('canvas'), { width: Math.max(1, Math.round(width)), height: Math.max(1, Math.round(height)) });
}

function scaledUp(image, cells, width, height) {
  const small = newCanvas(cells, (cells * height) / width);
  const context = small.getContext('2d');
  context.imageSmoothingQuality = 'high';
  context.drawImage(image, 0, 0, small.width, small.height);
  return small;
}

// A sum of sines with large factors: the same grain at every redraw.
function grain(i) {
  const x = Math.sin(i * 12.9898 + 78.233) * 43758.5453;
  return x - Math.floor(x);
}

function noiseCanvas(height, width) {
  const canvas = newCanvas(NOISE_CELLS, (NOISE_CELLS * height) / width);
  const context = canvas.getContext('2d');
  const pixels = context.createImageData(canvas.width, canvas.height);
  for (let i = 0; i < pixels.data.length; i++) pixels.data[i] = i % 4 === 3 ? 255 : 256 * grain(i);
  context.putImageData(pixels, 0, 0);
  return canvas;
}

/** A canvas as large as `width` × `height` holding what covered places show. */
export function fillCanvas(image, fill, width, height) {
  const canvas = newCanvas(width, height);
  const context = canvas.getContext('2d');
  if (fill === 'black' || !image) {
    context.fillRect(0, 0, canvas.width, canvas.height);
    return canvas;
  }
  const source = { blur: () => scaledUp(image, BLUR_CELLS, width, height), mean: () => scaledUp(image, 1, width, height), noise: () => noiseCanvas(height, width) }[fill]();
  context.imageSmoothingEnabled = fill !== 'noise';
  context.imageSmoothingQuality = 'high';
  context.drawImage(source, 0, 0, canvas.width, canvas.height);
  return canvas;
}

/** Trace a shape and fill it, in a context that is `width` × `height` large. */
export function traceShape(context, shape, width, height) {
  if (shape.kind === 'box') {
    context.fillRect(shape.x0 * width, shape.y0 * height, (shape.x1 - shape.x0) * width, (shape.y1 - shape.y0) * height);
    return;
  }
  context.lineWidth = 2 * shape.r * width;
  context.lineCap = context.lineJoin = 'round';
  context.beginPath();
  shape.points.forEach(([x, y], i) => context[i ? 'lineTo' : 'moveTo'](x * width, y * height));
  if (shape.points.length === 1) context.lineTo(shape.points[0][0] * width + 0.01, shape.points[0][1] * height);
  context.stroke();
}

function strokeLight(context) {
  for (const [color, width] of [['rgba(0,0,0,.85)', 3.5], ['#ffffff', 1.75]]) {
    context.strokeStyle = color;
    context.lineWidth = width;
    context.stroke();
  }
}

function drawHandles(context, box, width, height) {
  for (const x of [box.x0, box.x1]) {
    for (const y of [box.y0, box.y1]) {
      const inside = (v, size) => Math.max(HANDLE, Math.min(size - HANDLE, v * size));
      context.beginPath();
      context.arc(inside(x, width), inside(y, height), HANDLE, 0, 2 * Math.PI);
      context.fillStyle = '#ffffff';
      context.fill();
      context.lineWidth = 1.5;
      context.strokeStyle = 'rgba(0,0,0,.85)';
      context.stroke();
    }
  }
}

function drawSelection(context, shape, width, height) {
  context.setLineDash(shape.kind === 'stroke' ? [5, 4] : []);
  context.beginPath();
  if (shape.kind === 'box') context.rect(shape.x0 * width, shape.y0 * height, (shape.x1 - shape.x0) * width, (shape.y1 - shape.y0) * height);
  else shape.points.forEach(([x, y], i) => context[i ? 'lineTo' : 'moveTo'](x * width, y * height));
  strokeLight(context);
  context.setLineDash([]);
  if (shape.kind === 'box') drawHandles(context, shape, width, height);
}

function drawGridLines(context, [rows, cols], width, height) {
  context.strokeStyle = 'rgba(255,255,255,.4)';
  context.lineWidth = 1;
  context.beginPath();
  for (let i = 1; i < cols; i++) context.rect((i * width) / cols, 0, 0, height);
  for (let i = 1; i < rows; i++) context.rect(0, (i * height) / rows, width, 0);
  context.stroke();
}

/** Draw everything; `draft` is a shape that is being drawn, `cursor` where the brush is. */
export function drawMask(context, { image, shapes, draft, selected, filling, grid, snap, cursor, radius, width, height, soft }) {
  const dpr = pixelRatio();
  context.clearRect(0, 0, width, height);
  if (image) {
    context.imageSmoothingEnabled = image.width > 64;
    context.drawImage(image, 0, 0, width, height);
  } else {
    context.fillStyle = soft;
    context.fillRect(0, 0, width, height);
  }
  const covered = newCanvas(width * dpr, height * dpr);
  const mask = covered.getContext('2d');
  mask.scale(dpr, dpr);
  for (const shape of draft ? [...shapes, draft] : shapes) traceShape(mask, shape, width, height);
  mask.globalCompositeOperation = 'source-in';
  mask.drawImage(filling, 0, 0, width, height);
  context.drawImage(covered, 0, 0, width, height);
  if (snap) drawGridLines(context, grid, width, height);
  const chosen = draft?.kind === 'box' ? draft : shapes[selected];
  if (chosen) drawSelection(context, chosen, width, height);
  if (!cursor) return;
  context.beginPath();
  context.arc(cursor.x * width, cursor.y * height, radius * width, 0, 2 * Math.PI);
  strokeLight(context);
}
