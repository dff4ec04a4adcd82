// Where the cells of a token × token matrix lie on its canvas, and what its axes say.

import { clampIndex, patchPlace } from '../shared/geometry.js';

const AXIS = { left: 50, top: 34 };

/** CSS pixels that a label of an axis needs, across and down. */
export const LABEL_ROOM = { across: 44, down: 17 };

/** {left, top, size, width, height} in CSS pixels; cells take whole device pixels where that costs little room. */
export function layoutMatrix({ width, maxHeight = Infinity, nTokens, dpr = 1 }) {
  const room = Math.max(60, Math.min(width - AXIS.left - 2, maxHeight - AXIS.top - 2));
  const whole = (Math.floor((room * dpr) / nTokens) * nTokens) / dpr;
  const size = whole > 0.9 * room ? whole : Math.floor(room);
  return { ...AXIS, size, nTokens, width: AXIS.left + size + 2, height: AXIS.top + size + 2 };
}

/** {query, key} under a point, or null; the outer edges belong to the outermost cells. */
export function cellAtPoint({ left, top, size, nTokens }, x, y) {
  if (x < left || y < top || x > left + size || y > top + size) return null;
  const at = (v) => clampIndex(Math.floor((v / size) * nTokens), nTokens);
  return { query: at(y - top), key: at(x - left) };
}

/** Rectangle of a cell. */
export function cellRect({ left, top, size, nTokens }, { query, key }) {
  const each = size / nTokens;
  return { x: left + key * each, y: top + query * each, width: each, height: each };
}

/** Labels of an axis, [{token, text}]: prefix tokens by name, patches by row (in a video by frame), each with `room` CSS pixels to itself. */
export function axisLabels(shape, size, room) {
  const each = size / shape.nTokens;
  const labels = [];
  let free = -Infinity;
  const add = (token, text) => {
    const at = token * each;
    if (at < free || at + room > size + 8) return;
    labels.push({ token, text });
    free = at + room;
  };
  for (let token = 0; token < shape.nPrefix; token++) add(token, shape.prefixNames[token] ?? '');
  const perLabel = shape.frames > 1 ? shape.rows * shape.cols : shape.cols;
  const every = Math.max(1, Math.ceil(room / (perLabel * each)));
  for (let i = 0; i * perLabel < shape.nTokens - shape.nPrefix; i += every) {
    const { frame, row } = patchPlace(shape, i * perLabel);
    add(shape.nPrefix + i * perLabel, shape.frames > 1 ? `fr. ${frame + 1}` : `row ${row + 1}`);
  }
  return labels;
}
