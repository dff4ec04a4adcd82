// Numbers to pixels, one number a cell, with nothing of the screen in it: matrices, thumbnails, and patches painted over a picture.

import { inkFor, packInk, PACKED_HIDDEN } from './hues.js';
import { colorRange, shareOf, strengthOf } from './unit.js';

/**
 * A matrix as pixels, one a cell, uint32 [query][key].
 *
 * With `byRow` each row spans the colours by itself, else all rows share one range; `common` = {low, high, rowEnds(query)}
 * are ranges shared with another matrix, null where there is none.
 */
export function matrixPixels(unit, kind, byRow, lut, common = null) {
  const { nTokens, codes, rowLow, rowHigh, hidden } = unit;
  const pixels = new Uint32Array(nTokens * nTokens);
  const all = colorRange(kind, (common ?? unit).low, (common ?? unit).high);
  const ofCode = new Uint32Array(256);
  for (let query = 0; query < nTokens; query++) {
    const [low, high] = [rowLow[query], rowHigh[query]];
    const range = byRow ? colorRange(kind, ...(common?.rowEnds(query) ?? [low, high])) : all;
    for (let code = 0; code < 256; code++) ofCode[code] = lut[Math.round(255 * shareOf(low + ((high - low) * code) / 255, range))];
    const start = query * nTokens;
    for (let key = 0; key < nTokens; key++) pixels[start + key] = ofCode[codes[start + key]];
    if (!hidden) continue;
    for (let key = 0; key < nTokens; key++) if (hidden(query, key)) pixels[start + key] = PACKED_HIDDEN;
  }
  return pixels;
}

const BRIGHTEST = 0.01; // share of a thumbnail's cells that may all have the last colour, so that one cell cannot darken the rest

/** The code below which all but the brightest hundredth of the cells lie; 255 where few cells stand out. */
export function brightCode(codes) {
  const counts = new Uint32Array(256);
  for (const code of codes) counts[code] += 1;
  let left = Math.floor(BRIGHTEST * codes.length);
  let code = 255;
  while (code > 1 && left >= counts[code]) {
    left -= counts[code];
    code -= 1;
  }
  return code;
}

function codesToPixels(kind, low, high, codes, lut) {
  const top = kind === 'rank' ? high : low + ((high - low) * brightCode(codes)) / 255;
  const range = colorRange(kind, low, top);
  const ofCode = Uint32Array.from({ length: 256 }, (_, code) => lut[Math.round(255 * shareOf(low + ((high - low) * code) / 255, range))]);
  return Uint32Array.from(codes, (code) => ofCode[code]);
}

/** One thumbnail as pixels, uint32 [side][side], on its own scale, its brightest hundredth all alike. */
export function thumbPixels(thumbs, index, kind, lut) {
  const cells = thumbs.side ** 2;
  return codesToPixels(kind, thumbs.low[index], thumbs.high[index], thumbs.codes.subarray(index * cells, (index + 1) * cells), lut);
}

/** What one token reads (or who reads it) in one head, patches only, as pixels in the order of the patches. */
export function tokenPixels(side, index, nTokens, nPrefix, kind, lut) {
  const start = index * nTokens;
  return codesToPixels(kind, side.low[index], side.high[index], side.codes.subarray(start + nPrefix, start + nTokens), lut);
}

const DISC = 0.3; // radius of the disc that carries the second direction, in sides of a patch

/** Pixels of a painted patch along each side: enough for a round disc, fewer where patches are many and small. */
export function inkCell({ nTokens }) {
  if (nTokens > 800) return 8;
  return nTokens > 300 ? 16 : 24;
}

// First and last column of a disc in each row of a patch; null where the row misses it.
function discSpans(side) {
  const [middle, radius] = [side / 2, DISC * side];
  return Array.from({ length: side }, (_, y) => {
    const rest = radius ** 2 - (y + 0.5 - middle) ** 2;
    return rest <= 0 ? null : [Math.round(middle - Math.sqrt(rest)), Math.round(middle + Math.sqrt(rest))];
  });
}

/**
 * Paint values over patches, inkCell² pixels a patch, uint32 [frame · row · inkCell][column · inkCell].
 *
 * `reads` and `readBy` are {values, range, ink} or null. With both, the patch shows what is read and a disc in its middle
 * who reads; with one, the whole patch shows it. Strength is opacity, times `opacity`.
 */
export function inkPixels(shape, kind, { reads, readBy }, opacity) {
  const { cols, nPrefix, nTokens } = shape;
  const side = inkCell(shape);
  const width = cols * side;
  const pixels = new Uint32Array((nTokens - nPrefix) * side * side);
  const spans = reads && readBy ? discSpans(side) : [];
  const inkOf = (direction, token) => {
    const strength = strengthOf(kind, direction.values[token], direction.range);
    return packInk(inkFor(kind, strength, direction.ink), Math.abs(strength) * opacity);
  };
  for (let token = nPrefix; token < nTokens; token++) {
    const patch = token - nPrefix;
    const start = Math.floor(patch / cols) * side * width + (patch % cols) * side;
    const whole = inkOf(reads ?? readBy, token);
    for (let y = 0; y < side; y++) pixels.fill(whole, start + y * width, start + y * width + side);
    if (!spans.length) continue;
    const disc = inkOf(readBy, token);
    spans.forEach((span, y) => span && pixels.fill(disc, start + y * width + span[0], start + y * width + span[1]));
  }
  return pixels;
}
