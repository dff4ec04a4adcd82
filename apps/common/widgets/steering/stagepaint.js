// Draws the picture with its patch grid: the heatmap of a latent, what is selected, what the brushes marked, what is pointed at.

import { drawPrefixBox, drawTag, growRect, snapRect, strokeCell } from '../shared/canvas.js';
import { LUT, lutIndex, textOn } from '../shared/color.js';
import { tokenAt, tokenName, tokenRect } from '../shared/geometry.js';
import { inkCss, READ_BY, READS } from '../shared/hues.js';
import { drawPill, pillWidth } from '../shared/pills.js';
import { countAt } from './acts.js';
import { unitWords } from './columns.js';
import { heatAlphas, heatCanvas, heatColor, heatShare } from './heat.js';

const PREFIX_NAME = 17; // CSS pixels of a prefix cell that its name takes
const LEAST_CURSOR = 16;
const PEN_LOOKS = { fires: { ink: READS, sign: '+' }, nots: { ink: READ_BY, sign: '−' } };

function drawPatchGrid(context, { layout }) {
  const { x, y, width, height } = layout.pictures[0];
  context.beginPath();
  for (let i = 1; i < layout.cols; i++) {
    const at = Math.round(x + (i * width) / layout.cols) + 0.5;
    context.moveTo(at, y);
    context.lineTo(at, y + height);
  }
  for (let i = 1; i < layout.rows; i++) {
    const at = Math.round(y + (i * height) / layout.rows) + 0.5;
    context.moveTo(x, at);
    context.lineTo(x + width, at);
  }
  context.strokeStyle = 'rgba(128,128,128,.35)';
  context.lineWidth = 1;
  context.stroke();
}

function prefixPart(layout, token) {
  const { x, y, width, height } = layout.prefix[token];
  return { x: x + 2, y: y + PREFIX_NAME, width: width - 4, height: height - PREFIX_NAME - 2 };
}

function drawPrefixHeat(context, { layout, theme, shape, assets }, { latent, heat, most }) {
  for (let token = 0; token < shape.nPrefix; token++) {
    const part = prefixPart(layout, token);
    const color = heatColor(heat[token], most);
    context.fillStyle = color;
    context.beginPath();
    context.roundRect(part.x, part.y, part.width, part.height, 6);
    context.fill();
    context.fillStyle = textOn(LUT[lutIndex(heatShare(heat[token], most))]);
    context.font = `600 11px ${theme.font}`;
    context.textAlign = 'center';
    context.textBaseline = 'middle';
    context.fillText(
      heat[token] > 0 ? unitWords(assets.columns, latent, heat[token]) : 'off',
      part.x + part.width / 2,
      part.y + part.height / 2 + 0.5,
    );
  }
}

/** Draw what lies below: the picture, prefix cells, the heatmap where one is shown, and the grid. */
export function drawStageBase(context, scene, backdrop, painted) {
  const { layout, theme, shape, state } = scene;
  const picture = layout.pictures[0];
  context.clearRect(0, 0, layout.width, layout.height);
  context.drawImage(backdrop, picture.x, picture.y, picture.width, picture.height);
  for (let token = 0; token < shape.nPrefix; token++) drawPrefixBox(context, theme, layout.prefix[token], shape.prefixNames[token] ?? '');
  if (painted) {
    context.imageSmoothingEnabled = false;
    context.drawImage(heatCanvas(shape, painted.heat, painted.most, heatAlphas(state.overlay)), picture.x, picture.y, picture.width, picture.height);
    drawPrefixHeat(context, scene, painted);
  }
  drawPatchGrid(context, scene);
}

// Only the outer edge of a set of cells: every side whose neighbour is not in it.
function outlinePath(context, { layout, shape }, tokens) {
  const chosen = new Set(tokens);
  context.beginPath();
  for (const token of tokens) {
    const rect = snapRect(tokenRect(layout, token));
    const patch = token - shape.nPrefix;
    const [row, col] = [Math.floor(patch / shape.cols), patch % shape.cols];
    const has = (r, c) => r >= 0 && c >= 0 && r < shape.rows && c < shape.cols && chosen.has(shape.nPrefix + r * shape.cols + c);
    const [left, top, right, bottom] = [rect.x, rect.y, rect.x + rect.width, rect.y + rect.height];
    for (const [isInside, from, to] of [
      [has(row - 1, col), [left, top], [right, top]],
      [has(row + 1, col), [left, bottom], [right, bottom]],
      [has(row, col - 1), [left, top], [left, bottom]],
      [has(row, col + 1), [right, top], [right, bottom]],
    ]) {
      if (isInside) continue;
      context.moveTo(...from);
      context.lineTo(...to);
    }
  }
}

// A prefix cell holds words up to its edge, so that its outline is one thin line.
function strokePrefix(context, { layout }, token, color) {
  const { x, y, width, height } = layout.prefix[token];
  context.beginPath();
  context.roundRect(x + 1, y + 1, width - 2, height - 2, 8);
  context.strokeStyle = color;
  context.lineWidth = 2;
  context.stroke();
}

function strokeSet(context, scene, tokens, color) {
  const { shape, theme } = scene;
  for (const token of tokens) if (token < shape.nPrefix) strokePrefix(context, scene, token, color === '#ffffff' ? theme.fg : color);
  outlinePath(
    context,
    scene,
    tokens.filter((token) => token >= shape.nPrefix),
  );
  context.lineCap = 'round';
  for (const [stroke, width] of [
    ['rgba(0,0,0,.85)', 5],
    [color, 2.5],
  ]) {
    context.strokeStyle = stroke;
    context.lineWidth = width;
    context.stroke();
  }
}

function drawPen(context, scene, name) {
  const { ink, sign } = PEN_LOOKS[name];
  for (const token of scene.state[name]) {
    const rect = snapRect(tokenRect(scene.layout, token));
    context.fillStyle = inkCss(ink, 0.42);
    context.fillRect(rect.x, rect.y, rect.width, rect.height);
    if (rect.width < 12) continue;
    context.font = `700 ${Math.min(18, rect.height * 0.7)}px ${scene.theme.font}`;
    context.textAlign = 'center';
    context.textBaseline = 'middle';
    context.lineWidth = 3;
    context.strokeStyle = 'rgba(0,0,0,.8)';
    context.strokeText(sign, rect.x + rect.width / 2, rect.y + rect.height / 2 + 1);
    context.fillStyle = '#ffffff';
    context.fillText(sign, rect.x + rect.width / 2, rect.y + rect.height / 2 + 1);
  }
  strokeSet(context, scene, scene.state[name], inkCss(ink));
}

/** What is told of a token under the pointer. */
export function stageTag({ shape, assets }, token, painted) {
  const name = tokenName(shape, token);
  if (painted) return `${name}: ${painted.heat[token] > 0 ? unitWords(assets.columns, painted.latent, painted.heat[token]) : 'off'}`;
  const count = assets.acts ? countAt(assets.acts, token) : 0;
  return `${name}: ${count ? `${count} ${count === 1 ? 'latent' : 'latents'} on` : 'not read by this SAE'}`;
}

/** Draw what follows the pointer and what is chosen; `isFocused` shows the cursor of the keyboard. */
export function drawStageMarks(context, scene, painted, isFocused) {
  const { layout, state, theme } = scene;
  context.clearRect(0, 0, layout.width, layout.height);
  drawPen(context, scene, 'fires');
  drawPen(context, scene, 'nots');
  if (state.where === 'list') {
    for (const token of state.rackTokens) {
      const rect = tokenRect(layout, token);
      drawPill(context, theme, {
        x: rect.x + rect.width - pillWidth(context, theme, '↻') / 2 - 1,
        y: rect.y + rect.height - 7,
        text: '↻',
        fill: '#4f46e5',
      });
    }
  }
  strokeSet(context, scene, state.tokens, '#ffffff');
  if (isFocused && state.cursor !== null) {
    context.setLineDash([4, 3]);
    strokeCell(context, growRect(tokenRect(layout, state.cursor), LEAST_CURSOR), true, '#8fbcff');
    context.setLineDash([]);
  }
  const told = state.hover ?? (isFocused ? state.cursor : null);
  if (told === null) return;
  if (state.hover !== null) strokeCell(context, growRect(tokenRect(layout, told), LEAST_CURSOR), false);
  drawTag(context, { layout, theme }, tokenRect(layout, told), stageTag(scene, told, painted));
}

/** Tokens on the straight way between two points, so that a fast brush leaves no gaps. */
export function tokensBetween(layout, from, to) {
  const steps = Math.max(1, Math.ceil(Math.hypot(to.x - from.x, to.y - from.y) / 4));
  const found = new Set();
  for (let i = 0; i <= steps; i++) {
    const token = tokenAt(layout, from.x + ((to.x - from.x) * i) / steps, from.y + ((to.y - from.y) * i) / steps);
    if (token !== null) found.add(token);
  }
  return [...found];
}
