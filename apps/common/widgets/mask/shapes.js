// What covers a picture, as plain data: boxes and strokes with places from 0 to 1, and every step that changes them.

export const MAX_SHAPES = 40;
export const MAX_POINTS = 400;
export const FILLS = ['black', 'blur', 'mean', 'noise'];
const LEAST_SIDE = 0.01;
const LEAST_STEP = 0.006;
const MOST_RADIUS = 0.5;
const FIRST_BOX = { x0: 0.35, y0: 0.35, x1: 0.65, y1: 0.65 };
const DIGITS = 4;

const within = (v) => Math.max(0, Math.min(1, Number.isFinite(v) ? v : 0));
const round = (v) => Number(v.toFixed(DIGITS));

/** Whether a box is too small to be meant. */
export function isTiny({ kind, x0, y0, x1, y1 }) {
  return kind === 'box' && (Math.abs(x1 - x0) < LEAST_SIDE || Math.abs(y1 - y0) < LEAST_SIDE);
}

/** A box between two corners in any order. */
export function boxBetween(a, b) {
  return { kind: 'box', x0: Math.min(a.x, b.x), y0: Math.min(a.y, b.y), x1: Math.max(a.x, b.x), y1: Math.max(a.y, b.y) };
}

/** A shape from outside, kept within the picture and rounded; null for what is none. */
export function tidyMaskShape(shape) {
  if (shape?.kind === 'box') {
    const box = boxBetween({ x: within(shape.x0), y: within(shape.y0) }, { x: within(shape.x1), y: within(shape.y1) });
    return { kind: 'box', x0: round(box.x0), y0: round(box.y0), x1: round(box.x1), y1: round(box.y1) };
  }
  if (shape?.kind !== 'stroke' || !Array.isArray(shape.points)) return null;
  const points = shape.points.filter((point) => Array.isArray(point) && point.length === 2).map(([x, y]) => [round(within(x)), round(within(y))]);
  return points.length ? { kind: 'stroke', r: round(Math.max(0.005, Math.min(MOST_RADIUS, Number.isFinite(shape.r) ? shape.r : 0.05))), points } : null;
}

/** How many points the strokes have together. */
export function countPoints(shapes) {
  return shapes.reduce((sum, shape) => sum + (shape.points?.length ?? 0), 0);
}

/** Shapes from outside: those that are shapes, within the limits. */
export function tidyShapes(shapes) {
  const kept = [];
  for (const shape of (shapes ?? []).map(tidyMaskShape)) {
    const isFull = kept.length >= MAX_SHAPES || countPoints(kept) + (shape?.points?.length ?? 0) > MAX_POINTS;
    if (shape && !isFull) kept.push(shape);
  }
  return kept;
}

/** A stroke with a point more; the same stroke where the point is too near to the last one. */
export function strokeTo(stroke, { x, y }) {
  const [px, py] = stroke.points.at(-1);
  if (Math.hypot(x - px, y - py) < Math.max(LEAST_STEP, 0.3 * stroke.r)) return stroke;
  return { ...stroke, points: [...stroke.points, [round(within(x)), round(within(y))]] };
}

/** A stroke with at most `most` points, first and last among them. */
export function thinned(stroke, most) {
  const { points } = stroke;
  if (points.length <= most) return stroke;
  const kept = Array.from({ length: Math.max(1, most) }, (_, i) => points[most < 2 ? 0 : Math.round((i * (points.length - 1)) / (most - 1))]);
  return { ...stroke, points: kept };
}

/** Edges of a box on the borders of patches, at least one patch in each direction; strokes stay as they are. */
export function snapped(shape, [rows, cols]) {
  if (shape.kind !== 'box') return shape;
  const span = (low, high, n) => {
    const from = Math.min(n - 1, Math.round(low * n));
    return [from / n, Math.max(from + 1, Math.round(high * n)) / n];
  };
  const [x0, x1] = span(shape.x0, shape.x1, cols);
  const [y0, y1] = span(shape.y0, shape.y1, rows);
  return tidyMaskShape({ kind: 'box', x0, y0, x1, y1 });
}

function bounds(shape) {
  if (shape.kind === 'box') return shape;
  const [xs, ys] = [shape.points.map(([x]) => x), shape.points.map(([, y]) => y)];
  return { x0: Math.min(...xs), y0: Math.min(...ys), x1: Math.max(...xs), y1: Math.max(...ys) };
}

/** A shape moved, as far as the picture goes. */
export function movedShape(shape, dx, dy) {
  const { x0, y0, x1, y1 } = bounds(shape);
  const [x, y] = [Math.max(-x0, Math.min(1 - x1, dx)), Math.max(-y0, Math.min(1 - y1, dy))];
  if (shape.kind === 'box') return tidyMaskShape({ kind: 'box', x0: x0 + x, y0: y0 + y, x1: x1 + x, y1: y1 + y });
  return { ...shape, points: shape.points.map(([px, py]) => [round(px + x), round(py + y)]) };
}

/** A shape with its right and lower edges moved; a stroke gets thicker or thinner. */
export function grownShape(shape, dx, dy) {
  if (shape.kind === 'stroke') return tidyMaskShape({ ...shape, r: Math.max(0.01, shape.r + (dx || dy) / 2) });
  return tidyMaskShape({ ...shape, x1: Math.max(shape.x0 + 2 * LEAST_SIDE, shape.x1 + dx), y1: Math.max(shape.y0 + 2 * LEAST_SIDE, shape.y1 + dy) });
}

/** A box with one corner ("x0y0" … "x1y1") put elsewhere. */
export function corneredBox(box, corner, { x, y }) {
  const other = { x: corner.startsWith('x0') ? box.x1 : box.x0, y: corner.endsWith('y0') ? box.y1 : box.y0 };
  return tidyMaskShape(boxBetween(other, { x, y }));
}

function distanceTo([ax, ay], [bx, by], x, y) {
  const [dx, dy] = [bx - ax, by - ay];
  const along = dx || dy ? within(((x - ax) * dx + (y - ay) * dy) / (dx * dx + dy * dy)) : 0;
  return Math.hypot(x - ax - along * dx, y - ay - along * dy);
}

/** Whether a shape covers a place. `aspect` is height by width of the picture: a stroke's radius is a share of the width. */
export function covers(shape, x, y, aspect = 1) {
  if (shape.kind === 'box') return x >= shape.x0 && x <= shape.x1 && y >= shape.y0 && y <= shape.y1;
  const real = shape.points.map(([px, py]) => [px, py * aspect]);
  return real.some((point, i) => distanceTo(real[Math.max(0, i - 1)], point, x, y * aspect) <= shape.r);
}

/** The shape on top at a place, its index; −1 where there is none. */
export function maskShapeAt(shapes, x, y, aspect) {
  return shapes.findLastIndex((shape) => covers(shape, x, y, aspect));
}

/** The corner of a box within reach of a place, or null; `reach` is a share of the width. */
export function cornerAt(box, x, y, reach, aspect = 1) {
  if (box?.kind !== 'box') return null;
  const near = (px, py) => Math.hypot(x - px, (y - py) * aspect) <= reach;
  return ['x0', 'x1'].flatMap((cx) => ['y0', 'y1'].map((cy) => cx + cy)).find((corner) => near(box[corner.slice(0, 2)], box[corner.slice(2)])) ?? null;
}

/** How much of each patch is covered, sampled 4 × 4: {touched, share}, patches touched at all and share of the picture. */
export function coverage(shapes, [rows, cols], aspect = 1) {
  const samples = [0.125, 0.375, 0.625, 0.875];
  let [touched, covered] = [0, 0];
  for (let row = 0; row < rows; row++) {
    for (let col = 0; col < cols; col++) {
      const hits = samples.flatMap((dy) => samples.map((dx) => maskShapeAt(shapes, (col + dx) / cols, (row + dy) / rows, aspect) >= 0)).filter(Boolean).length;
      touched += hits ? 1 : 0;
      covered += hits;
    }
  }
  return { touched, share: covered / (16 * rows * cols) };
}

/** A new box in the middle, a little further down and right for each that lies there already. */
export function freshBox(shapes) {
  const shift = 0.04 * (shapes.filter(({ kind }) => kind === 'box').length % 6);
  return movedShape({ kind: 'box', ...FIRST_BOX }, shift, shift);
}
