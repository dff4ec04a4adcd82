// Where the thumbnail of each head lies on the wall: rows are layers, columns heads.

import { clampIndex } from '../shared/geometry.js';

const SIDE = 26;
const TOP = 20;
const LARGEST = 58;
const GAP = 3;

/** CSS pixels that a card with this many heads across would like to have. */
export function wantedWidth(nHeads) {
  return Math.max(248, Math.min(362, SIDE + nHeads * 46 + 46));
}

/** {cell, left, top, width, height} in CSS pixels: thumbnails shrink to fit width and height down to `least`; beyond that the wall scrolls in its box. */
export function layoutWall({ width, height = Infinity, nLayers, nHeads, least }) {
  const cell = Math.max(least, Math.min(LARGEST, Math.floor((width - SIDE) / nHeads), Math.floor((height - TOP) / nLayers)));
  return { cell, left: SIDE, top: TOP, nLayers, nHeads, width: SIDE + nHeads * cell, height: TOP + nLayers * cell };
}

/** The head under a point, {layer, unit}, or null. */
export function headAt({ cell, left, top, nLayers, nHeads, width, height }, x, y) {
  if (x < left || y < top || x > width || y > height) return null;
  return { layer: clampIndex(Math.floor((y - top) / cell), nLayers), unit: clampIndex(Math.floor((x - left) / cell), nHeads) };
}

/** Rectangle of a head's thumbnail. */
export function thumbRect({ cell, left, top }, { layer, unit }) {
  return { x: left + unit * cell + GAP / 2, y: top + layer * cell + GAP / 2, width: cell - GAP, height: cell - GAP };
}

/** The largest rectangle of an aspect (height by width) in the middle of a box. */
export function fitted(box, aspect) {
  const width = Math.min(box.width, box.height / aspect);
  const height = width * aspect;
  return { x: box.x + (box.width - width) / 2, y: box.y + (box.height - height) / 2, width, height };
}
