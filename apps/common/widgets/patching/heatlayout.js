// Where the cells of a map lie: a matrix of layers and heads, or one small picture for each layer or head where columns are tokens.

import { clampIndex } from '../shared/geometry.js';

const MATRIX = { left: 30, top: 22 };
const RING = 4; // room for the ring around a cell of the last row or column
const CELL_MOST = { width: 84, height: 38 };
const ROOMY = { width: 38, height: 17 };
const TILE_GAP = 8;
const TILE_TITLE = 17;
const TILE_MOST = 230;
const PREFIX = { height: 18, gap: 3 };

/** A matrix: {kind, cellWidth, cellHeight, …}; cells are at least `least` CSS pixels wide, numbers are written where `roomy`. */
export function layoutCells({ width, rows, cols, least }) {
  const cellWidth = Math.max(least, Math.min(CELL_MOST.width, Math.floor((width - MATRIX.left - RING) / cols)));
  const cellHeight = Math.max(least, Math.min(CELL_MOST.height, cellWidth));
  return { kind: 'matrix', ...MATRIX, rows, cols, cellWidth, cellHeight, roomy: cellWidth >= ROOMY.width && cellHeight >= ROOMY.height,
    width: MATRIX.left + cols * cellWidth + RING, height: MATRIX.top + rows * cellHeight + RING };
}

/** Pictures: one tile a row of the map, at least `least` CSS pixels wide; prefix tokens lie in a strip above each. */
export function layoutTiles({ width, rows, cols, least, shape, image, firstToken }) {
  const nPrefix = firstToken ? 0 : shape.nPrefix;
  const across = Math.max(1, Math.min(rows, Math.floor((width + TILE_GAP) / (least + TILE_GAP))));
  const side = Math.min(TILE_MOST, Math.floor((width - (across - 1) * TILE_GAP) / across));
  const header = TILE_TITLE + (nPrefix ? PREFIX.height + PREFIX.gap : 0);
  const tileHeight = header + Math.round((side * image[0]) / image[1]);
  const down = Math.ceil(rows / across);
  return { kind: 'tiles', rows, cols, across, side, header, tileHeight, nPrefix, gridRows: shape.rows, gridCols: shape.cols,
    width: across * side + (across - 1) * TILE_GAP, height: down * tileHeight + (down - 1) * TILE_GAP };
}

/** Upper left corner of a tile, {x, y}, its title included. */
export function tileCorner({ across, side, tileHeight }, row) {
  return { x: (row % across) * (side + TILE_GAP), y: Math.floor(row / across) * (tileHeight + TILE_GAP) };
}

/** Rectangle of the picture of a tile. */
export function tilePicture(layout, row) {
  const { x, y } = tileCorner(layout, row);
  return { x, y: y + layout.header, width: layout.side, height: layout.tileHeight - layout.header };
}

/** Rectangle of a cell [row, column]. */
export function heatRect(layout, [i, j]) {
  if (layout.kind === 'matrix') {
    return { x: layout.left + j * layout.cellWidth, y: layout.top + i * layout.cellHeight, width: layout.cellWidth, height: layout.cellHeight };
  }
  const { nPrefix, gridRows, gridCols, side } = layout;
  const corner = tileCorner(layout, i);
  if (j < nPrefix) return { x: corner.x + (j * side) / nPrefix, y: corner.y + TILE_TITLE, width: side / nPrefix, height: PREFIX.height };
  const picture = tilePicture(layout, i);
  const [row, col] = [Math.floor((j - nPrefix) / gridCols), (j - nPrefix) % gridCols];
  const [width, height] = [picture.width / gridCols, picture.height / gridRows];
  return { x: picture.x + col * width, y: picture.y + row * height, width, height };
}

/** The cell under a point, [row, column], or null. */
export function heatCellAt(layout, x, y) {
  if (layout.kind === 'matrix') {
    if (x < layout.left || y < layout.top || x > layout.width || y > layout.height) return null;
    return [clampIndex(Math.floor((y - layout.top) / layout.cellHeight), layout.rows), clampIndex(Math.floor((x - layout.left) / layout.cellWidth), layout.cols)];
  }
  const [column, line] = [Math.floor(x / (layout.side + TILE_GAP)), Math.floor(y / (layout.tileHeight + TILE_GAP))];
  const row = line * layout.across + column;
  if (x < 0 || y < 0 || column >= layout.across || row >= layout.rows) return null;
  const { gridRows, gridCols, nPrefix, side } = layout;
  const corner = tileCorner(layout, row);
  const picture = tilePicture(layout, row);
  if (x > corner.x + side || y > picture.y + picture.height) return null;
  if (y < picture.y) {
    const isPrefix = nPrefix > 0 && y >= corner.y + TILE_TITLE;
    return isPrefix ? [row, clampIndex(Math.floor(((x - corner.x) / side) * nPrefix), nPrefix)] : null;
  }
  const at = (offset, size, count) => clampIndex(Math.floor((offset / size) * count), count);
  return [row, nPrefix + at(y - picture.y, picture.height, gridRows) * gridCols + at(x - picture.x, picture.width, gridCols)];
}
