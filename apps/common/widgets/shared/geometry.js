// Where each token lies on the stage, which token lies under a point, where an arrow key leads, and what a token is called.
// A shape is {rows, cols, nPrefix} of the patch grid, with `frames` where there is more than one; tokens are prefix
// tokens, then patches frame by frame in reading order.

const PREFIX_HEIGHT = 44;
const PREFIX_GAP = 6;
const PREFIX_MAX_WIDTH = 220;
const FRAME_GAP = 8;
const FRAMES_IN_A_ROW = 4;

/** The keys that moveToken knows. */
export const MOVE_KEYS = ['ArrowLeft', 'ArrowRight', 'ArrowUp', 'ArrowDown', 'Home', 'End'];

/** i, kept within 0 … n − 1. */
export function clampIndex(i, n) {
  return Math.max(0, Math.min(n - 1, i));
}

/** {frame, row, col} of a patch, counted from 0. */
export function patchPlace({ rows, cols }, patch) {
  return { frame: Math.floor(patch / (rows * cols)), row: Math.floor(patch / cols) % rows, col: patch % cols };
}

/** What a token is called: "CLS", or "row 3, column 5" (counted from 1), in a video "frame 2, row 3, column 5". */
export function tokenName(shape, token) {
  if (token < shape.nPrefix) return shape.prefixNames?.[token] ?? `prefix ${token + 1}`;
  const { frame, row, col } = patchPlace(shape, token - shape.nPrefix);
  return `${shape.frames > 1 ? `frame ${frame + 1}, ` : ''}row ${row + 1}, column ${col + 1}`;
}

/**
 * Rectangles of the stage in CSS pixels: the picture with its grid, above it one cell for each prefix token.
 *
 * `image` is [height, width] of one frame; frames lie side by side, four to a row; the stage is never higher than
 * maxHeight.
 */
export function layoutStage({ width, maxHeight = Infinity, rows, cols, image, nPrefix, frames = 1 }) {
  const header = nPrefix ? PREFIX_HEIGHT + PREFIX_GAP : 0;
  const aspect = image[0] / image[1];
  const [across, down] = [Math.min(frames, FRAMES_IN_A_ROW), Math.ceil(frames / FRAMES_IN_A_ROW)];
  const [gapsAcross, gapsDown] = [(across - 1) * FRAME_GAP, (down - 1) * FRAME_GAP];
  const room = Math.min((width - gapsAcross) / across, (maxHeight - header - gapsDown) / down / aspect);
  const frameWidth = Math.max(cols, Math.floor(room));
  const frameHeight = Math.max(rows, Math.round(frameWidth * aspect));
  const grid = { x: 0, y: header, width: across * frameWidth + gapsAcross, height: down * frameHeight + gapsDown };
  return {
    rows, cols, nPrefix, frames, width: grid.width, height: header + grid.height, grid,
    prefix: prefixRects(grid.width, nPrefix),
    pictures: Array.from({ length: frames }, (_, frame) => ({
      x: (frame % FRAMES_IN_A_ROW) * (frameWidth + FRAME_GAP),
      y: header + Math.floor(frame / FRAMES_IN_A_ROW) * (frameHeight + FRAME_GAP),
      width: frameWidth, height: frameHeight,
    })),
  };
}

function prefixRects(width, count) {
  const each = Math.min(PREFIX_MAX_WIDTH, (width - PREFIX_GAP * (count - 1)) / Math.max(1, count));
  return Array.from({ length: count }, (_, i) => ({ x: i * (each + PREFIX_GAP), y: 0, width: each, height: PREFIX_HEIGHT }));
}

/** Rectangle of a token, {x, y, width, height}. */
export function tokenRect(layout, token) {
  if (token < layout.nPrefix) return layout.prefix[token];
  const { frame, row, col } = patchPlace(layout, token - layout.nPrefix);
  const { x, y, width, height } = layout.pictures[frame];
  const [left, top] = [(col * width) / layout.cols, (row * height) / layout.rows];
  return { x: x + left, y: y + top, width: width / layout.cols, height: height / layout.rows };
}

/** Token under a point, or null; points on an outer edge belong to the outermost cells. */
export function tokenAt(layout, x, y) {
  const { pictures, prefix, rows, cols, nPrefix } = layout;
  const inside = (box) => x >= box.x && x <= box.x + box.width && y >= box.y && y <= box.y + box.height;
  const inPrefix = prefix.findIndex(inside);
  if (inPrefix >= 0) return inPrefix;
  const frame = pictures.findIndex(inside);
  if (frame < 0) return null;
  const col = clampIndex(Math.floor(((x - pictures[frame].x) / pictures[frame].width) * cols), cols);
  const row = clampIndex(Math.floor(((y - pictures[frame].y) / pictures[frame].height) * rows), rows);
  return nPrefix + (frame * rows + row) * cols + col;
}

function movePrefix({ nPrefix, cols }, token, key) {
  if (key === 'ArrowLeft' || key === 'ArrowRight') return clampIndex(token + (key === 'ArrowLeft' ? -1 : 1), nPrefix);
  if (key === 'ArrowDown') return nPrefix + clampIndex(Math.floor(((token + 0.5) / nPrefix) * cols), cols);
  if (key === 'Home') return 0;
  return key === 'End' ? nPrefix - 1 : token;
}

// Frames side by side are one wide picture for the arrows; Home and End stay within the frame.
function movePatch(shape, patch, key) {
  const { rows, cols, nPrefix, frames = 1 } = shape;
  const { frame, row, col } = patchPlace(shape, patch);
  if (key === 'Home' || key === 'End') return nPrefix + patch - col + (key === 'Home' ? 0 : cols - 1);
  const [dx, dy] = { ArrowLeft: [-1, 0], ArrowRight: [1, 0], ArrowUp: [0, -1], ArrowDown: [0, 1] }[key] ?? [0, 0];
  const across = Math.min(frames, FRAMES_IN_A_ROW);
  const x = clampIndex((frame % across) * cols + col + dx, across * cols);
  const y = Math.floor(frame / across) * rows + row + dy;
  if (y < 0) return nPrefix ? clampIndex(Math.floor(((col + 0.5) / cols) * nPrefix), nPrefix) : patch;
  const to = Math.floor(y / rows) * across + Math.floor(x / cols);
  return nPrefix + (to < frames ? (to * rows + (y % rows)) * cols + (x % cols) : patch);
}

/** Token that a key leads to from `token` (null: nothing chosen yet, the first patch); edges hold. */
export function moveToken(shape, token, key) {
  if (token === null || token === undefined) return shape.nPrefix;
  return token < shape.nPrefix ? movePrefix(shape, token, key) : movePatch(shape, token - shape.nPrefix, key);
}
