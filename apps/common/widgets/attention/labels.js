// Where the numbers on a picture lie: on their own patch, or beside it with a line that leads there.

import { tokenRect } from '../shared/geometry.js';
import { PILL_HEIGHT } from '../shared/pills.js';

const LABEL_GAP = 5; // CSS pixels between a patch and a number beside it
const AROUND = [[0, -1], [0, 1], [1, 0], [-1, 0], [1, -1], [-1, -1], [1, 1], [-1, 1]];

const patchMiddle = ({ x, y, width, height }) => ({ x: x + width / 2, y: y + height / 2 });
const liesOn = (pill, { x, y }, room = 0) => Math.abs(pill.x - x) < pill.width / 2 + room && Math.abs(pill.y - y) < PILL_HEIGHT / 2 + room;
const meets = (a, b) => Math.abs(a.x - b.x) < (a.width + b.width) / 2 && Math.abs(a.y - b.y) < PILL_HEIGHT;

function frameOf(layout, token) {
  return layout.pictures[Math.floor((token - layout.nPrefix) / (layout.rows * layout.cols))];
}

function keptIn(frame, { x, y, width }) {
  return { width, x: Math.max(frame.x + width / 2, Math.min(frame.x + frame.width - width / 2, x)),
    y: Math.max(frame.y + PILL_HEIGHT / 2, Math.min(frame.y + frame.height - PILL_HEIGHT / 2, y)) };
}

// On the patch: in its middle, or with two inks in the upper half (reads) or the lower one (is read by).
function onPatch(rect, width, direction, isBoth) {
  const { x, y } = patchMiddle(rect);
  const half = rect.height >= 2 * PILL_HEIGHT + 1 ? PILL_HEIGHT / 2 + 0.5 : 0;
  const middle = { x, y, width };
  if (!half) return [middle];
  const [upper, lower] = [{ ...middle, y: y - half }, { ...middle, y: y + half }];
  if (!isBoth) return [middle];
  return direction === 'reads' ? [upper, lower] : [lower, upper];
}

function besidePatch(rect, width, line) {
  const { x, y } = patchMiddle(rect);
  return AROUND.map(([dx, dy]) => ({ width, line,
    x: x + dx * (rect.width / 2 + LABEL_GAP + width / 2), y: y + dy * (rect.height / 2 + LABEL_GAP + PILL_HEIGHT / 2) }));
}

// The middles of the patches around a place, in its own frame, without the patch itself.
function coversMiddle(layout, token, pill) {
  const { width, height } = tokenRect(layout, token);
  const frame = frameOf(layout, token);
  const [fromCol, toCol] = [pill.x - pill.width / 2, pill.x + pill.width / 2].map((x) => (x - frame.x) / width - 0.5);
  const [fromRow, toRow] = [pill.y - PILL_HEIGHT / 2, pill.y + PILL_HEIGHT / 2].map((y) => (y - frame.y) / height - 0.5);
  const own = (token - layout.nPrefix) % (layout.rows * layout.cols);
  for (let row = Math.ceil(fromRow); row <= toRow; row++) {
    for (let col = Math.ceil(fromCol); col <= toCol; col++) if (row * layout.cols + col !== own) return true;
  }
  return false;
}

/**
 * Places of numbers, strongest first: {…item, x, y, line}, `line` from the middle of a patch to a number that lies beside it.
 *
 * items = [{token, width, direction}], the strongest first: that one is always placed. No number covers another one, a prefix
 * cell, or the middle of a patch that has a number or is `selected`; only a number with a line may cover other middles.
 */
export function placeLabels(items, layout, { selected = null, isBoth = false } = {}) {
  const told = new Set([selected, ...items.map(({ token }) => token)].filter((token) => token !== null && token >= layout.nPrefix));
  const placed = [];
  for (const item of items) {
    const rect = tokenRect(layout, item.token);
    const frame = frameOf(layout, item.token);
    const others = [...told].filter((token) => token !== item.token).map((token) => patchMiddle(tokenRect(layout, token)));
    const isFree = (pill) => !placed.some((other) => meets(other, pill)) && !others.some((middle) => liesOn(pill, middle, 2));
    const on = onPatch(rect, item.width, item.direction, isBoth).map((pill) => keptIn(frame, pill));
    const beside = besidePatch(rect, item.width, patchMiddle(rect)).filter((pill) => keptIn(frame, pill).x === pill.x && keptIn(frame, pill).y === pill.y);
    const found = on.find((pill) => isFree(pill) && !coversMiddle(layout, item.token, pill))
      ?? beside.find((pill) => isFree(pill) && !liesOn(pill, patchMiddle(rect))) ?? (placed.length ? null : on[0]);
    if (found) placed.push({ ...item, ...found, line: found.line ?? null });
  }
  return placed;
}
