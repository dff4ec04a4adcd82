// What canvases of a patch grid have in common: pictures at screen size, whole device pixels, outlines and tags.

import { pixelRatio } from './dom.js';

/** A rectangle with its edges on whole device pixels, so that neighbours meet without a seam. */
export function snapRect(rect) {
  const dpr = pixelRatio();
  const snap = (v) => Math.round(v * dpr) / dpr;
  const [x, y] = [snap(rect.x), snap(rect.y)];
  return { x, y, width: snap(rect.x + rect.width) - x, height: snap(rect.y + rect.height) - y };
}

/** A rectangle grown around its middle to be at least this wide and high, so that a mark leaves a small cell in sight. */
export function growRect(rect, least) {
  const [width, height] = [Math.max(least, rect.width), Math.max(least, rect.height)];
  return { x: rect.x + (rect.width - width) / 2, y: rect.y + (rect.height - height) / 2, width, height };
}

/** A picture at the size it is shown in, drawn once and then copied; `exact` keeps its pixels as squares. */
export function paintBackdrop(image, { width, height }, exact) {
  const dpr = pixelRatio();
  const canvas = Object.assign(document.createElement('canvas'), {
    width: Math.round(width * dpr), height: Math.round(height * dpr) });
  const context = canvas.getContext('2d');
  context.imageSmoothingEnabled = !exact;
  context.imageSmoothingQuality = 'high';
  context.drawImage(image, 0, 0, canvas.width, canvas.height);
  return canvas;
}

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

/** Cut text with an ellipsis so that it fits a width, in CSS pixels. */
export function fitText(context, text, width) {
  if (context.measureText(text).width <= width) return text;
  let end = text.length;
  while (end > 1 && context.measureText(`${text.slice(0, end)}…`).width > width) end -= 1;
  return `${text.slice(0, end).trimEnd()}…`;
}

/** Outline a cell in light over dark, which shows on any picture; `strong` for what is locked, `color` for the light part. */
export function strokeCell(context, rect, strong, color = '#ffffff') {
  context.beginPath();
  context.roundRect(rect.x + 1, rect.y + 1, rect.width - 2, rect.height - 2, 4);
  for (const [stroke, width] of [['rgba(0,0,0,.85)', strong ? 6 : 4], [color, strong ? 3 : 2]]) {
    context.strokeStyle = stroke;
    context.lineWidth = width;
    context.stroke();
  }
}

/** A dark label with white words above a cell, or below where there is no room or it would cover `avoid`; kept within `layout`. */
export function drawTag(context, { layout, theme }, rect, text, avoid = null) {
  context.font = `600 12px ${theme.font}`;
  const shown = fitText(context, text, layout.width - 16);
  const width = context.measureText(shown).width + 16;
  const x = Math.max(2, Math.min(layout.width - width - 2, rect.x + rect.width / 2 - width / 2));
  const covers = avoid && avoid.y < rect.y && avoid.y + avoid.height > rect.y - 28 && avoid.x < x + width && avoid.x + avoid.width > x;
  const below = rect.y + rect.height + 6;
  const y = (rect.y - layout.grid.y > 30 && !covers) || below + 24 > (layout.height ?? Infinity) ? Math.max(2, rect.y - 28) : below;
  context.fillStyle = 'rgba(12,14,20,.92)';
  context.beginPath();
  context.roundRect(x, y, width, 22, 6);
  context.fill();
  context.fillStyle = '#ffffff';
  context.textAlign = 'left';
  context.textBaseline = 'middle';
  context.fillText(shown, x + 8, y + 11.5);
}

/** Draw an empty prefix cell with its name at the top. */
export function drawPrefixBox(context, theme, rect, name) {
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
