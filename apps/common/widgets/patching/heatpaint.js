// Draws a map: cells in purple to green, estimates hatched, and marks for what is put in, what flips and where directions disagree.

import { growRect, snapRect, strokeCell } from '../shared/canvas.js';
import { textOn } from '../shared/color.js';
import { pixelRatio } from '../shared/dom.js';
import { formatMargin } from '../shared/format.js';
import { ABOVE, inkCss } from '../shared/hues.js';
import { arrangePills, drawPill, PILL_HEIGHT, pillWidth } from '../shared/pills.js';
import { cellText, heatIndex, heatMap, heatStrength, tileInk } from './heatcolors.js';
import { heatRect, tileCorner, tilePicture } from './heatlayout.js';
import { bestCells, hasFlipped, shownCell } from './sweepdata.js';
import { formatWay } from './words.js';

const LINE = { applied: '#8f8bff', chosen: '#ffffff' };
const LEAST_MARK = 11; // CSS pixels
const TOLD_BEST = 3;

function hatchPattern(context, color) {
  const side = 7;
  const dpr = pixelRatio();
  const canvas = Object.assign(document.createElement('canvas'), { width: Math.round(side * dpr), height: Math.round(side * dpr) });
  const ink = canvas.getContext('2d');
  ink.strokeStyle = color;
  ink.lineWidth = 1.2 * dpr;
  ink.beginPath();
  for (const shift of [-1, 0, 1]) {
    ink.moveTo((shift - 0.1) * canvas.width, 1.1 * canvas.height);
    ink.lineTo((shift + 1.1) * canvas.width, -0.1 * canvas.height);
  }
  ink.stroke();
  const pattern = context.createPattern(canvas, 'repeat');
  pattern.setTransform(new DOMMatrix().scale(1 / dpr));
  return pattern;
}

function fillHatched(context, rects, color) {
  if (!rects.length) return;
  context.fillStyle = hatchPattern(context, color);
  context.beginPath();
  for (const { x, y, width, height } of rects) context.rect(x, y, width, height);
  context.fill();
}

function drawMatrixLabels(context, { theme }, layout) {
  context.font = `11px ${theme.font}`;
  context.fillStyle = theme.muted;
  context.textBaseline = 'middle';
  context.textAlign = 'right';
  for (let i = 0; i < layout.rows; i++) context.fillText(`L${i}`, layout.left - 6, layout.top + (i + 0.5) * layout.cellHeight);
  context.textAlign = 'center';
  const name = layout.cellWidth > 60 ? 'head ' : layout.cellWidth > 24 ? 'H' : '';
  for (let j = 0; j < layout.cols; j++) context.fillText(`${name}${j}`, layout.left + (j + 0.5) * layout.cellWidth, layout.top - 10);
}

function drawMatrixCells(context, scene, layout, data, direction) {
  const { theme, state } = scene;
  const lut = heatMap(theme);
  const [hatched, unknown] = [[], []];
  const texts = [];
  for (let index = 0; index < layout.rows * layout.cols; index++) {
    const cell = shownCell(data, direction, index);
    const box = heatRect(layout, [Math.floor(index / layout.cols), index % layout.cols]);
    const rect = snapRect({ x: box.x + 1, y: box.y + 1, width: box.width - 2, height: box.height - 2 });
    const isKnown = Number.isFinite(cell.value);
    const rgb = isKnown ? lut[heatIndex(cell.value, data.range)] : null;
    context.fillStyle = rgb ? inkCss(rgb) : theme.soft;
    context.fillRect(rect.x, rect.y, rect.width, rect.height);
    if (!isKnown) unknown.push(rect);
    else if (cell.isEstimate && direction !== 'preview') hatched.push(rect);
    if (isKnown && layout.roomy) texts.push({ rect, text: cellText(cell, state.scale), color: textOn(rgb) });
  }
  fillHatched(context, hatched, theme.dark ? 'rgba(255,255,255,.28)' : 'rgba(0,0,0,.2)');
  fillHatched(context, unknown, theme.line);
  context.font = `600 12px ${theme.font}`;
  context.textAlign = 'center';
  context.textBaseline = 'middle';
  for (const { rect, text, color } of texts) {
    context.fillStyle = color;
    context.fillText(text, rect.x + rect.width / 2, rect.y + rect.height / 2 + 0.5);
  }
}

/** The picture behind the tiles: so pale that every colour on it is one of a cell, black parts of the picture included. */
export function paintWashed(faded, theme) {
  const context = faded.getContext('2d');
  context.fillStyle = theme.dark ? 'rgba(16,18,24,.5)' : 'rgba(255,255,255,.5)';
  context.fillRect(0, 0, faded.width, faded.height);
  return faded;
}

function drawTileGround(context, { theme }, layout, data, row, backdrop) {
  const picture = tilePicture(layout, row);
  const corner = tileCorner(layout, row);
  context.font = `600 11px ${theme.font}`;
  context.fillStyle = theme.fg;
  context.textAlign = 'left';
  context.textBaseline = 'middle';
  context.fillText(`${data.rowAxis === 'layer' ? 'Layer' : 'Head'} ${row}`, corner.x, corner.y + 7);
  if (backdrop) context.drawImage(backdrop, picture.x, picture.y, picture.width, picture.height);
  for (let token = 0; token < layout.nPrefix; token++) {
    const rect = heatRect(layout, [row, token]);
    context.fillStyle = theme.soft;
    context.strokeStyle = theme.line;
    context.lineWidth = 1;
    context.beginPath();
    context.roundRect(rect.x + 0.5, rect.y + 0.5, rect.width - 1, rect.height - 1, 4);
    context.fill();
    context.stroke();
  }
}

function drawPrefixNames(context, { theme, shape }, layout, row) {
  context.font = `600 10.5px ${theme.font}`;
  context.textAlign = 'left';
  context.textBaseline = 'middle';
  context.lineJoin = 'round';
  context.lineWidth = 3;
  for (let token = 0; token < layout.nPrefix; token++) {
    const rect = heatRect(layout, [row, token]);
    if (rect.width < 34) return;
    const place = [shape.prefixNames[token] ?? '', rect.x + 6, rect.y + rect.height / 2 + 0.5];
    context.strokeStyle = theme.bg;
    context.strokeText(...place);
    context.fillStyle = theme.fg;
    context.fillText(...place);
  }
}

function drawTileCells(context, { theme }, layout, data, direction, row) {
  const [hatched, unknown] = [[], []];
  for (let j = 0; j < layout.cols; j++) {
    const { value, isEstimate } = shownCell(data, direction, row * layout.cols + j);
    const rect = snapRect(heatRect(layout, [row, j]));
    if (!Number.isFinite(value)) {
      unknown.push(rect);
      continue;
    }
    context.fillStyle = inkCss(tileInk(theme, value), 0.92 * Math.abs(heatStrength(value, data.range)));
    context.fillRect(rect.x, rect.y, rect.width, rect.height);
    if (isEstimate && direction !== 'preview') hatched.push(rect);
  }
  fillHatched(context, hatched, theme.dark ? 'rgba(255,255,255,.22)' : 'rgba(20,22,30,.16)');
  fillHatched(context, unknown, theme.line);
}

function drawBest(context, scene, layout, data, direction) {
  const pills = bestCells(data, direction, TOLD_BEST).map((index) => {
    const rect = heatRect(layout, [Math.floor(index / layout.cols), index % layout.cols]);
    const cell = shownCell(data, direction, index);
    const text = scene.state.scale === 'raw' ? formatMargin(cell.raw) : formatWay(cell.value);
    const isSmall = rect.height < 1.4 * PILL_HEIGHT;
    return { text, width: pillWidth(context, scene.theme, text), x: rect.x + rect.width / 2,
      y: rect.y + rect.height / 2 - (isSmall && rect.width < 60 ? rect.height / 2 + PILL_HEIGHT / 2 + 2 : 0) };
  });
  for (const pill of arrangePills(pills, layout)) drawPill(context, scene.theme, { ...pill, fill: inkCss(ABOVE) });
}

function drawDiamond(context, { x, y, width }, theme) {
  const isRoomy = width > 20;
  const side = isRoomy ? 4.5 : 1.9;
  const [cx, cy] = [x + width - side - (isRoomy ? 2 : 1), y + side + (isRoomy ? 2 : 1)];
  context.beginPath();
  context.moveTo(cx, cy - side);
  context.lineTo(cx + side, cy);
  context.lineTo(cx, cy + side);
  context.lineTo(cx - side, cy);
  context.closePath();
  context.fillStyle = theme.fg;
  context.strokeStyle = theme.bg;
  context.lineWidth = isRoomy ? 2 : 1.2;
  context.stroke();
  context.fill();
}

function drawMarks(context, scene, layout, data, direction) {
  const { run, painter, theme } = scene;
  for (let index = 0; index < layout.rows * layout.cols; index++) {
    const rect = heatRect(layout, [Math.floor(index / layout.cols), index % layout.cols]);
    if (direction !== 'preview' && data.conflicts[index]) drawDiamond(context, rect, theme);
    const { raw } = shownCell(data, direction, index);
    if (!hasFlipped(direction, raw, data.clean, data.corrupt)) continue;
    const winner = raw > 0 ? run.a : run.b;
    if (rect.height < 12 || rect.width < 12) strokeCell(context, growRect(rect, 8), false, '#ffd83d');
    else painter.draw(context, winner.emoji, layout.kind === 'tiles' ? rect.x + rect.width - 14 : rect.x + 14, rect.y + rect.height / 2, Math.min(16, rect.height - 2));
  }
}

/** Draw all cells of a map with their marks; `backdrop` is the picture behind the tiles. */
export function drawHeat(context, scene, { layout, data, direction, backdrop }) {
  context.clearRect(0, 0, layout.width, layout.height);
  if (layout.kind === 'matrix') {
    drawMatrixLabels(context, scene, layout);
    drawMatrixCells(context, scene, layout, data, direction);
  } else {
    for (let row = 0; row < layout.rows; row++) {
      drawTileGround(context, scene, layout, data, row, backdrop);
      drawTileCells(context, scene, layout, data, direction, row);
      drawPrefixNames(context, scene, layout, row);
    }
  }
  drawMarks(context, scene, layout, data, direction);
  if (layout.kind === 'tiles') drawBest(context, scene, layout, data, direction);
}

/** Draw what follows the pointer and what is put in: rings, one for each applied cell, one for the chosen and one for the told cell. */
export function drawHeatMarks(context, layout, { applied, cell, hover }) {
  context.clearRect(0, 0, layout.width, layout.height);
  const ring = (at, strong, color, room = 0) => {
    const { x, y, width, height } = growRect(heatRect(layout, at), LEAST_MARK);
    strokeCell(context, { x: x - room, y: y - room, width: width + 2 * room, height: height + 2 * room }, strong, color);
  };
  const isApplied = cell && applied.some((at) => String(at) === String(cell));
  if (cell) ring(cell, true, LINE.chosen, isApplied ? 4 : 0); // around the other ring, so that both are seen
  for (const at of applied) ring(at, true, LINE.applied);
  if (hover) ring(hover, false, LINE.chosen);
}
