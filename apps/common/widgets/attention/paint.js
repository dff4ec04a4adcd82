// Draws a picture with attention over it: base (picture, prefix cells, lens) and what changes under the pointer (ink, outlines, numbers).

import { drawTag, growRect, snapRect, strokeCell } from '../shared/canvas.js';
import { tokenRect } from '../shared/geometry.js';
import { cellIndex } from '../shared/lensdata.js';
import { formatAmount } from './amounts.js';
import { inkCss, inkFor } from './hues.js';
import { inkCell, inkPixels } from './pixels.js';
import { paintedSides } from './reading.js';
import { stepAt, strengthOf, strongestOf, valueAt } from './unit.js';

const NUMBERS = 3; // strongest values that are written on patches, each way
const PILL_HEIGHT = 14;
const PREFIX_TOP = 16; // CSS pixels of a prefix cell that its name takes
const LEAST_OUTLINE = 18; // CSS pixels
const ROOMY_HALF = 56; // CSS pixels; narrower halves of a prefix cell lie one above the other
const DEEP = { reads: '#0b47b8', readBy: '#ffa63d' };
const DEEP_TEXT = { reads: '#ffffff', readBy: '#201200' };
const QUERY_LINE = '#8fbcff';
const KEY_LINE = '#ffb65e';

/** The picture without colour and paler, so that the only colours are those of the ink; a copy of `backdrop`. */
export function paintFaded(backdrop, theme) {
  const canvas = Object.assign(document.createElement('canvas'), { width: backdrop.width, height: backdrop.height });
  const context = canvas.getContext('2d');
  context.drawImage(backdrop, 0, 0);
  context.globalCompositeOperation = 'saturation';
  context.fillStyle = '#808080';
  context.fillRect(0, 0, canvas.width, canvas.height);
  context.globalCompositeOperation = 'source-over';
  context.fillStyle = theme.dark ? 'rgba(10,12,18,.35)' : 'rgba(255,255,255,.35)';
  context.fillRect(0, 0, canvas.width, canvas.height);
  return canvas;
}

/** Draw pictures and empty prefix cells. */
export function drawGround(context, { layout, theme }, pane, backdrops) {
  context.clearRect(0, 0, layout.width, layout.height);
  layout.pictures.forEach(({ x, y, width, height }, i) => context.drawImage(backdrops[i], x, y, width, height));
  for (let token = 0; token < layout.nPrefix; token++) drawPrefixCell(context, theme, layout.prefix[token], pane.shape.prefixNames[token] ?? '');
}

function drawPrefixCell(context, theme, rect, name) {
  context.beginPath();
  context.roundRect(rect.x + 0.5, rect.y + 0.5, rect.width - 1, rect.height - 1, 8);
  context.fillStyle = theme.soft;
  context.fill();
  context.strokeStyle = theme.line;
  context.lineWidth = 1;
  context.stroke();
  context.fillStyle = theme.fg;
  context.font = `600 11px ${theme.font}`;
  context.textAlign = 'center';
  context.textBaseline = 'middle';
  context.fillText(name, rect.x + rect.width / 2, rect.y + 9);
}

/** Draw the lens: on each patch the emoji of its first class at one point of the stream. */
export function drawLensOver(context, { layout, painter, state }, { lens, vocabulary }, point) {
  for (let token = 0; token < lens.nTokens; token++) {
    const index = lens.classes[cellIndex(lens, point, token) * lens.k];
    const rect = snapRect(tokenRect(layout, token));
    const isPrefix = token < lens.nPrefix;
    const size = isPrefix ? 22 : 0.84 * Math.min(rect.width, rect.height);
    const y = rect.y + (isPrefix ? 29 : rect.height / 2);
    if (!isPrefix) {
      context.globalAlpha = 0.45 * state.opacity;
      context.fillStyle = vocabulary.colors[index] ?? '#888888';
      context.fillRect(rect.x, rect.y, rect.width, rect.height);
    }
    context.globalAlpha = Math.min(1, 1.25 * state.opacity);
    painter.draw(context, vocabulary.emoji[index], rect.x + rect.width / 2, y, size, vocabulary.colors[index]);
  }
  context.globalAlpha = 1;
}

/** A small canvas that inkPixels are put into, then scaled over the pictures. */
export function createInk() {
  const canvas = document.createElement('canvas');
  return (context, layout, pane, sides, opacity) => {
    const { shape, kind } = pane;
    const pixels = inkPixels(shape, kind, sides, opacity);
    const [width, frameHeight] = [shape.cols * inkCell(shape), shape.rows * inkCell(shape)];
    if (canvas.width !== width || canvas.height !== frameHeight * shape.frames) {
      [canvas.width, canvas.height] = [width, frameHeight * shape.frames];
    }
    const image = new ImageData(new Uint8ClampedArray(pixels.buffer), width, frameHeight * shape.frames);
    canvas.getContext('2d').putImageData(image, 0, 0);
    context.imageSmoothingEnabled = Boolean(sides.reads && sides.readBy); // rounds the discs; single colours keep sharp edges
    layout.pictures.forEach(({ x, y, width: w, height: h }, frame) => {
      context.drawImage(canvas, 0, frame * frameHeight, width, frameHeight, x, y, w, h);
    });
  };
}

function pillWidth(context, theme, text) {
  context.font = `600 10.5px ${theme.font}`;
  return context.measureText(text).width + 9;
}

function drawPill(context, theme, x, y, text, direction, color) {
  const width = pillWidth(context, theme, text);
  context.fillStyle = color ?? DEEP[direction];
  context.beginPath();
  context.roundRect(x - width / 2, y - PILL_HEIGHT / 2, width, PILL_HEIGHT, 5);
  context.fill();
  context.fillStyle = DEEP_TEXT[color ? 'reads' : direction];
  context.textAlign = 'center';
  context.textBaseline = 'middle';
  context.fillText(text, x, y + 0.5);
}

// Numbers lie on their patch, or beside it where they would hide it: a small one, or the selected one; with both, reads above.
function pillLift(rect, direction, isBoth, isSelected) {
  const sign = direction === 'reads' || !isBoth ? -1 : 1;
  if (isSelected || rect.height < 1.6 * PILL_HEIGHT) return (sign * (rect.height + PILL_HEIGHT)) / 2 + 2 * sign;
  return isBoth ? sign * (PILL_HEIGHT / 2 + 0.5) : 0;
}

function pillsOf(context, { layout, theme }, pane, sides) {
  const selected = pane.reading.token;
  const pills = [];
  for (const [direction, side] of Object.entries(sides)) {
    if (!side) continue;
    for (const { token, value, step } of strongestOf(pane.kind, side, NUMBERS)) {
      if (token < pane.shape.nPrefix) continue;
      const rect = tokenRect(layout, token);
      const text = formatAmount(pane.kind, value, step);
      const y = rect.y + rect.height / 2 + pillLift(rect, direction, Boolean(sides.reads && sides.readBy), token === selected);
      pills.push({ x: rect.x + rect.width / 2, y, width: pillWidth(context, theme, text), text, direction, value });
    }
  }
  return pills;
}

/** Leave out pills that would cover an earlier, stronger one, and keep the others on the canvas. */
export function arrangePills(pills, { width, height }) {
  const placed = [];
  for (const pill of pills) {
    const x = Math.max(pill.width / 2, Math.min(width - pill.width / 2, pill.x));
    const y = Math.max(PILL_HEIGHT / 2, Math.min(height - PILL_HEIGHT / 2, pill.y));
    if (placed.some((other) => Math.abs(other.x - x) < (other.width + pill.width) / 2 && Math.abs(other.y - y) < PILL_HEIGHT)) continue;
    placed.push({ ...pill, x, y });
  }
  return placed;
}

function pillColor(kind, value) {
  return kind === 'rank' ? inkCss(inkFor(kind, value)) : null;
}

function drawNumbers(context, scene, pane, sides) {
  for (const { x, y, text, direction, value } of arrangePills(pillsOf(context, scene, pane, sides), scene.layout)) {
    drawPill(context, scene.theme, x, y, text, direction, pillColor(pane.kind, value));
  }
}

// The parts of a prefix cell below its name, one for each direction: side by side, or one above the other where it is narrow.
function prefixParts(rect, count) {
  const [x, y, width, height] = [rect.x + 1, rect.y + PREFIX_TOP, rect.width - 2, rect.height - PREFIX_TOP - 1];
  const isStacked = count > 1 && width / count < ROOMY_HALF;
  return Array.from({ length: count }, (_, i) => (isStacked ? { x, y: y + (i * height) / count, width, height: height / count }
    : { x: x + (i * width) / count, y, width: width / count, height }));
}

function drawPrefixReading(context, { layout, theme, state }, pane, sides) {
  const shown = Object.entries(sides).filter(([, side]) => side);
  for (let token = 0; token < pane.shape.nPrefix; token++) {
    prefixParts(layout.prefix[token], shown.length).forEach((part, i) => {
      const [direction, side] = shown[i];
      const value = side.values[token];
      const strength = strengthOf(pane.kind, value, side.range);
      context.fillStyle = inkCss(inkFor(pane.kind, strength, side.ink), Math.abs(strength) * state.opacity);
      context.fillRect(part.x, part.y, part.width, part.height);
      drawPill(context, theme, part.x + part.width / 2, part.y + part.height / 2, formatAmount(pane.kind, value, side.stepOf(token)), direction,
        pillColor(pane.kind, value));
    });
  }
}

const PAIR = { scores: ['as key', 'as query'], rank: ['as key', 'as query'] };

/** The value of a cell in words. */
export function cellAmount({ unit, kind }, query, key) {
  return formatAmount(kind, valueAt(unit, query, key), stepAt(unit, query));
}

function drawPair(context, scene, pane, token, other) {
  const [gets, gives] = PAIR[pane.kind] ?? ['gets', 'gives'];
  drawTag(context, scene, tokenRect(scene.layout, other), `${gets} ${cellAmount(pane, token, other)} · ${gives} ${cellAmount(pane, other, token)}`,
    tokenRect(scene.layout, token));
}

function outlineRect(layout, token) {
  return growRect(tokenRect(layout, token), LEAST_OUTLINE);
}

function drawCell(context, scene, pane, { query, key }) {
  strokeCell(context, outlineRect(scene.layout, query), true, QUERY_LINE);
  if (key !== query) strokeCell(context, outlineRect(scene.layout, key), true, KEY_LINE);
  const amount = cellAmount(pane, query, key);
  drawTag(context, scene, tokenRect(scene.layout, key), key === query ? `reads itself: ${amount}` : `is read: ${amount}`);
}

function drawValues(context, scene, pane, sides, cell) {
  drawPrefixReading(context, scene, pane, sides);
  if (!cell) drawNumbers(context, scene, pane, sides);
}

/** Draw what follows the pointer: ink, numbers and outlines. `reading` is null where nothing is painted. */
export function drawOver(context, scene, pane, { reading, hover, locked, cell }, ink) {
  const { layout, state } = scene;
  context.clearRect(0, 0, layout.width, layout.height);
  if (reading && state.paint !== 'lens') {
    ink(context, layout, pane, paintedSides(reading, state.paint), state.opacity);
  }
  if (hover !== null && hover !== locked) strokeCell(context, outlineRect(layout, hover), false);
  if (locked !== null && cell?.query !== locked) strokeCell(context, outlineRect(layout, locked), true);
  if (reading && state.paint !== 'lens') drawValues(context, scene, pane, paintedSides(reading, state.paint), cell);
  if (cell && pane.unit) drawCell(context, scene, pane, cell);
  if (locked !== null && hover !== null && hover !== locked && pane.unit) drawPair(context, scene, pane, locked, hover);
}
