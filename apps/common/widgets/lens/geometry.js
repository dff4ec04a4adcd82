// Where each token lies on the stage, which token lies under a point, and where an arrow key leads.

const PREFIX_HEIGHT = 44;
const PREFIX_GAP = 6;
const PREFIX_MAX_WIDTH = 220;

/**
 * Rectangles of the stage in CSS pixels: the picture with its grid, above it one cell for each prefix token.
 *
 * `image` is [height, width]; the stage is never higher than maxHeight.
 */
export function layoutStage({ width, maxHeight = Infinity, rows, cols, image, nPrefix }) {
  const header = nPrefix ? PREFIX_HEIGHT + PREFIX_GAP : 0;
  const aspect = image[0] / image[1];
  const gridWidth = Math.max(cols, Math.floor(Math.min(width, (maxHeight - header) / aspect)));
  const gridHeight = Math.max(rows, Math.round(gridWidth * aspect));
  return {
    rows, cols, nPrefix, width: gridWidth, height: header + gridHeight,
    grid: { x: 0, y: header, width: gridWidth, height: gridHeight },
    prefix: prefixRects(gridWidth, nPrefix),
  };
}

function prefixRects(width, count) {
  const each = Math.min(PREFIX_MAX_WIDTH, (width - PREFIX_GAP * (count - 1)) / Math.max(1, count));
  return Array.from({ length: count }, (_, i) => ({ x: i * (each + PREFIX_GAP), y: 0, width: each, height: PREFIX_HEIGHT }));
}

/** Rectangle of a token, {x, y, width, height}. */
export function tokenRect(layout, token) {
  if (token < layout.nPrefix) return layout.prefix[token];
  const patch = token - layout.nPrefix;
  const [row, col] = [Math.floor(patch / layout.cols), patch % layout.cols];
  const { x, y, width, height } = layout.grid;
  const [left, top] = [(col * width) / layout.cols, (row * height) / layout.rows];
  return { x: x + left, y: y + top, width: width / layout.cols, height: height / layout.rows };
}

/** Token under a point, or null; points on the outer edge belong to the outermost cells. */
export function tokenAt(layout, x, y) {
  const { grid, prefix, rows, cols, nPrefix } = layout;
  const inside = (box) => x >= box.x && x <= box.x + box.width && y >= box.y && y <= box.y + box.height;
  const inPrefix = prefix.findIndex(inside);
  if (inPrefix >= 0) return inPrefix;
  if (!inside(grid)) return null;
  const col = clampIndex(Math.floor(((x - grid.x) / grid.width) * cols), cols);
  const row = clampIndex(Math.floor(((y - grid.y) / grid.height) * rows), rows);
  return nPrefix + row * cols + col;
}

/** i, kept within 0 … n − 1. */
export function clampIndex(i, n) {
  return Math.max(0, Math.min(n - 1, i));
}

function movePrefix({ nPrefix, cols }, token, key) {
  if (key === 'ArrowLeft' || key === 'ArrowRight') return clampIndex(token + (key === 'ArrowLeft' ? -1 : 1), nPrefix);
  if (key === 'ArrowDown') return nPrefix + clampIndex(Math.floor(((token + 0.5) / nPrefix) * cols), cols);
  if (key === 'Home') return 0;
  return key === 'End' ? nPrefix - 1 : token;
}

function movePatch({ rows, cols, nPrefix }, patch, key) {
  const [row, col] = [Math.floor(patch / cols), patch % cols];
  if (key === 'ArrowUp' && row === 0 && nPrefix) return clampIndex(Math.floor(((col + 0.5) / cols) * nPrefix), nPrefix);
  const to = {
    ArrowLeft: [row, col - 1], ArrowRight: [row, col + 1], ArrowUp: [row - 1, col], ArrowDown: [row + 1, col],
    Home: [row, 0], End: [row, cols - 1],
  }[key] ?? [row, col];
  return nPrefix + clampIndex(to[0], rows) * cols + clampIndex(to[1], cols);
}

/** Token that a key leads to from `token` (null: nothing chosen yet, the first patch); edges hold. */
export function moveToken(shape, token, key) {
  if (token === null || token === undefined) return shape.nPrefix;
  return token < shape.nPrefix ? movePrefix(shape, token, key) : movePatch(shape, token - shape.nPrefix, key);
}
