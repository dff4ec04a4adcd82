// Draws a picture with attention over it: base (picture, prefix cells, lens) and what changes under the pointer (ink, outlines, numbers).

import { drawPrefixBox, drawTag, growRect, snapRect, strokeCell } from '../shared/canvas.js';
import { tokenName, tokenRect } from '../shared/geometry.js';
import { inkCss } from '../shared/hues.js';
import { cellIndex } from '../shared/lensdata.js';
import { drawPill, PILL_HEIGHT, pillWidth } from '../shared/pills.js';
import { formatAmount } from './amounts.js';
import { inkFor } from './hues.js';
import { placeLabels } from './labels.js';
import { inkCell, inkPixels } from './pixels.js';
import { exactPair, paintedSides } from './reading.js';
import { stepAt, strengthOf, strongestOf, valueAt } from './unit.js';

const NUMBERS = 3; // strongest values that are written on patches, each way
const PREFIX_TOP = 16; // CSS pixels of a prefix cell that its name takes
const LEAST_OUTLINE = 18; // CSS pixels
const ROOMY_HALF = 56; // CSS pixels; narrower halves of a prefix cell lie one above the other
const DEEP = { reads: '#0b47b8', readBy: '#ffa63d' };
const DEEP_TEXT = { reads: '#ffffff', readBy: '#201200' };
const QUERY_LINE = '#8fbcff';
const KEY_LINE = '#ffb65e';

/** Draw pictures and empty prefix cells. */
export function drawGround(context, { layout, theme }, pane, backdrops) {
  context.clearRect(0, 0, layout.width, layout.height);
  layout.pictures.forEach(({ x, y, width, height }, i) => context.drawImage(backdrops[i], x, y, width, height));
  for (let token = 0; token < layout.nPrefix; token++) drawPrefixBox(context, theme, layout.prefix[token], pane.shape.prefixNames[token] ?? '');
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

// The strongest of each direction first, so that only weaker numbers give way.
function labelsOf(context, { layout, theme }, pane, sides) {
  const labels = Object.entries(sides).flatMap(([direction, side]) => (side ? strongestOf(pane.kind, side, NUMBERS) : []).map((item, place) => {
    const text = formatAmount(pane.kind, item.value, item.step);
    return { token: item.token, value: item.value, direction, place, text, width: pillWidth(context, theme, text) };
  }));
  const strongestFirst = labels.filter(({ token }) => token >= pane.shape.nPrefix)
    .sort((a, b) => a.place - b.place || Math.abs(b.value) - Math.abs(a.value));
  return placeLabels(strongestFirst, layout, { selected: pane.reading.token, isBoth: Boolean(sides.reads && sides.readBy) });
}

function drawLeader(context, { line, x, y }) {
  for (const [stroke, width] of [['rgba(0,0,0,.8)', 3.5], ['#ffffff', 1.5]]) {
    context.strokeStyle = context.fillStyle = stroke;
    context.lineWidth = width;
    context.beginPath();
    context.moveTo(line.x, line.y);
    context.lineTo(x, y);
    context.stroke();
    context.beginPath();
    context.arc(line.x, line.y, 1 + width, 0, 2 * Math.PI);
    context.fill();
  }
}

// Where colours tell the sign, a border tells the direction.
function drawBorder(context, { x, y, width, direction }) {
  context.strokeStyle = DEEP[direction];
  context.lineWidth = 2;
  context.beginPath();
  context.roundRect(x - width / 2, y - PILL_HEIGHT / 2, width, PILL_HEIGHT, 5);
  context.stroke();
}

// Ground and text of a pill: those of its direction, or where values have a sign, of that.
function pillColors(kind, value, direction) {
  return kind === 'rank' ? { fill: inkCss(inkFor(kind, value)), ink: DEEP_TEXT.reads } : { fill: DEEP[direction], ink: DEEP_TEXT[direction] };
}

function drawNumbers(context, scene, pane, sides) {
  const labels = labelsOf(context, scene, pane, sides);
  labels.forEach((label) => label.line && drawLeader(context, label));
  for (const label of labels) {
    drawPill(context, scene.theme, { ...label, ...pillColors(pane.kind, label.value, label.direction) });
    if (pane.kind === 'rank') drawBorder(context, label);
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
      drawPill(context, theme, { x: part.x + part.width / 2, y: part.y + part.height / 2, text: formatAmount(pane.kind, value, side.stepOf(token)),
        ...pillColors(pane.kind, value, direction) });
    });
  }
}

/** The value of a cell in words. */
export function cellAmount({ unit, kind }, query, key) {
  return formatAmount(kind, valueAt(unit, query, key), stepAt(unit, query));
}

// The locked patch while another one is pointed at: its name, and what passes between the two.
function drawPair(context, scene, pane, locked, other) {
  const { reads, readBy } = exactPair(pane, other) ?? { reads: cellAmount(pane, locked, other), readBy: cellAmount(pane, other, locked) };
  const name = `locked: ${tokenName(pane.shape, locked)}`;
  const whole = `${name} · reads this ${reads} · is read by this ${readBy}`;
  context.font = `600 12px ${scene.theme.font}`;
  const isRoom = context.measureText(whole).width + 16 < scene.layout.width;
  drawTag(context, scene, tokenRect(scene.layout, locked), isRoom ? whole : name, tokenRect(scene.layout, other));
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
