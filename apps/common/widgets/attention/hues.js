// The colours of attention: blue for what a patch reads, orange for who reads it, viridis for amounts, purple to green around 0.

import { buildLut, LUT, parseHex } from '../shared/color.js';

/** What the selected patch reads, and who reads it; far apart also for people who see two primaries only. */
export const READS = parseHex('#1f6fff');
export const READ_BY = parseHex('#ff8c00');
const HIDDEN = parseHex('#8a8f98');

export const DIVERGING = buildLut(['#4d1a66', '#8f5aa8', '#cbb3d6', '#f4f4f4', '#a9d8a8', '#3f9150', '#0b4f22'].map(parseHex));

/** The colour map of a kind of file: 256 colours, low to high. */
export function mapOf(kind) {
  return kind === 'rank' ? DIVERGING : LUT;
}

/** CSS colour of [r, g, b] with an opacity. */
export function inkCss([r, g, b], alpha = 1) {
  return `rgba(${r},${g},${b},${alpha})`;
}

/** CSS gradient of a colour map, left to right. */
export function gradientOf(lut) {
  return `linear-gradient(to right, ${Array.from({ length: 17 }, (_, i) => inkCss(lut[Math.round((i / 16) * 255)])).join(', ')})`;
}

/** CSS gradient of an ink from nothing to full, left to right. */
export function inkGradient(rgb) {
  return `linear-gradient(to right, ${inkCss(rgb, 0)}, ${inkCss(rgb, 1)})`;
}

/** Ink of a painted strength: the direction's own, or where strengths have a sign, purple below 0 and green above. */
export function inkFor(kind, strength, ink) {
  if (kind !== 'rank') return ink;
  return strength < 0 ? DIVERGING[28] : DIVERGING[227];
}

const pack = ([r, g, b], alpha = 255) => ((alpha << 24) | (b << 16) | (g << 8) | r) >>> 0; // the byte order of ImageData

/** The colour map as one number a colour, for ImageData. */
export function packedLut(lut) {
  return Uint32Array.from(lut, (rgb) => pack(rgb));
}

export const PACKED_HIDDEN = pack(HIDDEN);

/** An ink with an opacity, 0 to 1, as one number, for ImageData. */
export function packInk(rgb, alpha) {
  return pack(rgb, Math.round(255 * Math.max(0, Math.min(1, alpha))));
}
