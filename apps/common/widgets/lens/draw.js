// Draws the stage: picture, tinted cells with their emoji, prefix tokens, the mask, and above it all the selection.

import { drawTag, fitText, snapRect, strokeCell } from '../shared/canvas.js';
import { LUT, lutIndex, textOn } from '../shared/color.js';
import { formatLogit, formatPercent, formatPercentShort } from '../shared/format.js';
import { tokenRect } from '../shared/geometry.js';
import { cellIndex, isSure, topClass, topProbability } from '../shared/lensdata.js';
import { className } from '../shared/vocabulary.js';

const MIN_NAME_CELL = 34;
const MIN_NUMBER_CELL = 24;
const DIMMED = 0.13;
const ROOMY_PREFIX = 104; // CSS pixels; below, a prefix cell holds its name and emoji only

function cellText(scene, layer, token) {
  const { lens, found, state } = scene;
  const cell = cellIndex(lens, layer, token);
  if (state.measure === 'rank') return String(found.rank[cell] + 1);
  if (state.measure === 'logit') return formatLogit(found.logit[cell]).replace(/\.(\d)\d$/, '.$1');
  return formatPercentShort(found.probability[cell]);
}

function drawNumber(context, scene, layer, token, rect) {
  const size = Math.min(rect.width, rect.height);
  const text = cellText(scene, layer, token);
  context.font = `600 ${Math.min(14, size * 0.34, (rect.width * 1.6) / Math.max(3, text.length))}px ${scene.theme.font}`;
  context.fillStyle = textOn(LUT[lutIndex(scene.scale.shade(layer, token))]);
  context.textAlign = 'center';
  context.textBaseline = 'middle';
  context.fillText(text, rect.x + rect.width / 2, rect.y + rect.height / 2 + 1);
}

function drawName(context, scene, index, rect) {
  context.font = `500 ${Math.min(11, rect.height * 0.21)}px ${scene.theme.font}`;
  const height = Math.min(14, rect.height * 0.28);
  context.fillStyle = 'rgba(12,14,20,.78)';
  context.fillRect(rect.x, rect.y + rect.height - height, rect.width, height);
  context.fillStyle = '#ffffff';
  context.textAlign = 'center';
  context.textBaseline = 'middle';
  const text = fitText(context, className(scene.vocabulary, index), rect.width - 3);
  context.fillText(text, rect.x + rect.width / 2, rect.y + rect.height - height / 2 + 0.5);
}

function isFaded(scene, index) {
  const wanted = scene.state.highlight ?? scene.state.pinned;
  return wanted !== null && wanted !== index;
}

function tintStrength({ state, scale }) {
  return state.opacity * (scale ? 0.9 : 0.45);
}

function drawPatches(context, scene, layer) {
  const { lens, layout, vocabulary, painter, state, colors } = scene;
  const named = state.names && layout.grid.width / lens.cols >= MIN_NAME_CELL;
  for (let token = lens.nPrefix; token < lens.nTokens; token++) {
    if (!isSure(lens, layer, token, state.least)) continue;
    const index = topClass(lens, layer, token);
    const rect = snapRect(tokenRect(layout, token));
    const faded = isFaded(scene, index);
    context.globalAlpha = tintStrength(scene) * (faded ? DIMMED : 1);
    context.fillStyle = colors(layer, token);
    context.fillRect(rect.x, rect.y, rect.width, rect.height);
    context.globalAlpha = Math.min(1, state.opacity * 1.25) * (faded ? DIMMED : 1);
    const side = Math.min(rect.width, rect.height) * (named ? 0.64 : 0.84);
    const y = rect.y + (rect.height - (named ? rect.height * 0.26 : 0)) / 2;
    painter.draw(context, vocabulary.emoji[index], rect.x + rect.width / 2, y, side, vocabulary.colors[index]);
    if (named && !faded) drawName(context, scene, index, rect);
  }
  context.globalAlpha = 1;
}

function drawHeat(context, scene, layer) {
  const { lens, layout, state, colors } = scene;
  const numbered = Math.min(layout.grid.width / lens.cols, layout.grid.height / lens.rows) >= MIN_NUMBER_CELL;
  for (let token = lens.nPrefix; token < lens.nTokens; token++) {
    const rect = snapRect(tokenRect(layout, token));
    context.globalAlpha = tintStrength(scene);
    context.fillStyle = colors(layer, token);
    context.fillRect(rect.x, rect.y, rect.width, rect.height);
    context.globalAlpha = 1;
    if (numbered && state.opacity > 0.45) drawNumber(context, scene, layer, token, rect);
  }
}

function drawPrefix(context, scene, layer) {
  const { lens, layout, theme } = scene;
  for (let token = 0; token < lens.nPrefix; token++) {
    const rect = layout.prefix[token];
    context.fillStyle = theme.soft;
    context.strokeStyle = theme.line;
    context.lineWidth = 1;
    context.beginPath();
    context.roundRect(rect.x + 0.5, rect.y + 0.5, rect.width - 1, rect.height - 1, 8);
    context.fill();
    context.stroke();
    drawPrefixCell(context, scene, layer, token, rect);
  }
}

function drawPrefixCell(context, scene, layer, token, rect) {
  const { lens, vocabulary, painter, theme, state, scale, colors } = scene;
  const index = state.overlay === 'search' && state.search !== null ? state.search : topClass(lens, layer, token);
  if (scale) {
    context.fillStyle = colors(layer, token);
    context.fillRect(rect.x + 6, rect.y + rect.height - 6, rect.width - 12, 3);
  }
  const roomy = rect.width >= ROOMY_PREFIX;
  painter.draw(context, vocabulary.emoji[index], rect.x + (roomy ? 22 : rect.width / 2), rect.y + (roomy ? 22 : 27), roomy ? 30 : 22,
    vocabulary.colors[index]);
  context.textAlign = roomy ? 'left' : 'center';
  context.textBaseline = 'middle';
  context.fillStyle = theme.muted;
  context.font = `600 11px ${theme.font}`;
  context.fillText(lens.meta.prefix_names[token] ?? '', rect.x + (roomy ? 43 : rect.width / 2), rect.y + (roomy ? 14 : 9));
  if (!roomy) return;
  context.fillStyle = theme.fg;
  context.font = `500 12px ${theme.font}`;
  context.fillText(fitText(context, tokenText(scene, layer, token, index), rect.width - 49), rect.x + 43, rect.y + 30);
}

function tokenText({ lens, vocabulary, state, found }, layer, token, index, gap = ' ') {
  const name = `${className(vocabulary, index)}${gap}`;
  if (state.overlay !== 'search' || !found) return name + formatPercent(topProbability(lens, layer, token));
  const cell = cellIndex(lens, layer, token);
  if (state.measure === 'rank') return `${name}rank ${found.rank[cell] + 1}`;
  return name + (state.measure === 'logit' ? `${formatLogit(found.logit[cell])} logits` : formatPercent(found.probability[cell]));
}

function drawMaskArea(context, { layout, maskPicture, state }) {
  const { grid } = layout;
  context.globalAlpha = state.opacity * 0.75;
  context.imageSmoothingEnabled = false;
  context.drawImage(maskPicture, grid.x, grid.y, grid.width, grid.height);
  context.globalAlpha = 1;
}

function drawMaskEmoji(context, { layout, lens, mask, maskCentres, vocabulary, painter }) {
  const { grid } = layout;
  for (const { object, x, y, area } of maskCentres) {
    const index = lens.meta.objects[object].class;
    const side = Math.max(22, Math.min(72, Math.sqrt(area) * (grid.width / mask.width) * 0.5));
    painter.draw(context, vocabulary.emoji[index], grid.x + (x * grid.width) / mask.width, grid.y + (y * grid.height) / mask.height,
      side, vocabulary.colors[index]);
  }
}

function drawOutline(context, { layout, mask, maskEdges }) {
  const { grid } = layout;
  const [sx, sy] = [grid.width / mask.width, grid.height / mask.height];
  context.beginPath();
  for (const [x1, y1, x2, y2] of maskEdges) {
    context.moveTo(grid.x + x1 * sx, grid.y + y1 * sy);
    context.lineTo(grid.x + x2 * sx, grid.y + y2 * sy);
  }
  context.lineCap = 'round';
  for (const [color, width] of [['rgba(0,0,0,.75)', 4], ['#ffffff', 2]]) {
    context.strokeStyle = color;
    context.lineWidth = width;
    context.stroke();
  }
}

/** Draw everything below the selection: picture, cells, prefix tokens and mask at one layer. */
export function drawBase(context, scene, layer) {
  const { layout, state, mask } = scene;
  const { grid } = layout;
  context.clearRect(0, 0, layout.width, layout.height);
  context.drawImage(scene.backdrop, grid.x, grid.y, grid.width, grid.height);
  drawPrefix(context, scene, layer);
  if (!state.pixels) {
    if (state.overlay === 'mask' && mask) drawMaskArea(context, scene);
    else if (state.overlay === 'search' && scene.found) drawHeat(context, scene, layer);
    else drawPatches(context, scene, layer);
  }
  if (state.overlay === 'mask' && mask && !state.pixels) drawMaskEmoji(context, scene);
  if (state.outline && mask) drawOutline(context, scene);
}

/** Draw the selection: outline of the hovered and the locked cell, and the name of the one that is shown. */
export function drawSelection(context, scene, layer) {
  const { layout, lens, state } = scene;
  context.clearRect(0, 0, layout.width, layout.height);
  const { hover, locked } = state;
  if (hover !== null && hover !== locked) strokeCell(context, tokenRect(layout, hover), false);
  if (locked !== null) strokeCell(context, tokenRect(layout, locked), true);
  const token = hover ?? locked;
  if (token === null || token < lens.nPrefix || state.pixels) return;
  const index = state.overlay === 'search' && scene.found ? state.search : topClass(lens, layer, token);
  drawTag(context, scene, tokenRect(layout, token), tokenText(scene, layer, token, index, ' · '));
}
