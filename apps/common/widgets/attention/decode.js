// The bytes of attention files as typed arrays, little-endian. U units (heads), T tokens, S the side of a thumbnail.

import { expectBytes } from '../shared/lensdata.js';

/** Read whole matrices: float32 low[U], high[U]; uint16 row_low[U][T], row_high[U][T]; uint8 code[U][T][T]. */
export function decodeMaps(buffer, count, nTokens) {
  const rows = count * nTokens;
  expectBytes(buffer, 8 * count + 4 * rows + rows * nTokens, 'This layer');
  return {
    count, nTokens,
    low: new Float32Array(buffer, 0, count),
    high: new Float32Array(buffer, 4 * count, count),
    rowLow: new Uint16Array(buffer, 8 * count, rows),
    rowHigh: new Uint16Array(buffer, 8 * count + 2 * rows, rows),
    codes: new Uint8Array(buffer, 8 * count + 4 * rows, rows * nTokens),
  };
}

/** Read thumbnails: float32 low[U], high[U]; uint8 code[U][S][S]. */
export function decodeThumbs(buffer, count, side) {
  expectBytes(buffer, count * (8 + side * side), 'The wall of heads');
  return {
    count, side,
    low: new Float32Array(buffer, 0, count),
    high: new Float32Array(buffer, 4 * count, count),
    codes: new Uint8Array(buffer, 8 * count, count * side * side),
  };
}

/** Read one token in every head: float32 row_low[U], row_high[U], col_low[U], col_high[U]; uint8 row[U][T], col[U][T]. */
export function decodeToken(buffer, count, nTokens) {
  expectBytes(buffer, count * (16 + 2 * nTokens), 'This patch in every head');
  const floats = (i) => new Float32Array(buffer, 4 * i * count, count);
  const bytes = (i) => new Uint8Array(buffer, 16 * count + i * count * nTokens, count * nTokens);
  return {
    count, nTokens,
    row: { low: floats(0), high: floats(1), codes: bytes(0) },
    column: { low: floats(2), high: floats(3), codes: bytes(1) },
  };
}

const EXACT_ROWS = ['scoresRow', 'scoresColumn', 'patternRow', 'patternColumn', 'valueRow', 'valueColumn'];

/** Read the exact numbers of one token in one head: float32 [6][T], by name; NaN where a number is not defined. */
export function decodeExact(buffer, nTokens) {
  expectBytes(buffer, 4 * EXACT_ROWS.length * nTokens, 'The exact numbers');
  return Object.fromEntries(EXACT_ROWS.map((name, i) => [name, new Float32Array(buffer, 4 * i * nTokens, nTokens)]));
}

/** Read the metrics, float32 [metric][layer][head], as {id: Float32Array [layer · head]}. */
export function decodeMetrics(buffer, ids, nHeads) {
  expectBytes(buffer, 4 * ids.length * nHeads, 'The metrics of the heads');
  return Object.fromEntries(ids.map((id, i) => [id, new Float32Array(buffer, 4 * i * nHeads, nHeads)]));
}
