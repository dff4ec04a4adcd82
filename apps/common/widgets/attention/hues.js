// The colours of attention: viridis for amounts, purple to green around 0, and pixels of both.

import { LUT, parseHex } from '../shared/color.js';
import { ABOVE, BELOW, DIVERGING } from '../shared/hues.js';

const HIDDEN = parseHex('#8a8f98');

/** The colour map of a kind of file: 256 colours, low to high. */
export function mapOf(kind) {
  return kind === 'rank' ? DIVERGING : LUT;
}

/** Ink of a painted strength: the direction's own, or where strengths have a sign, purple below 0 and green above. */
export function inkFor(kind, strength, ink) {
  if (kind !== 'rank') return ink;
  return strength < 0 ? BELOW : ABOVE;
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
