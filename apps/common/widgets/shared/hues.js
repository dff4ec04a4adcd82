// Colours of inks painted over pictures, and of values around 0: blue for what is read, orange for who reads it, purple to green around 0.

import { buildLut, parseHex } from './color.js';

/** What the selected patch reads, and who reads it; far apart also for people who see two primaries only. */
export const READS = parseHex('#1f6fff');
export const READ_BY = parseHex('#ff8c00');

export const DIVERGING = buildLut(['#4d1a66', '#8f5aa8', '#cbb3d6', '#f4f4f4', '#a9d8a8', '#3f9150', '#0b4f22'].map(parseHex));

/** Inks of values below 0 and above: purple and green. */
export const BELOW = DIVERGING[28];
export const ABOVE = DIVERGING[227];

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
