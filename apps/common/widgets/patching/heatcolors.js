// The colours of a map: purple where a cell moves the answer the other way, green where it moves it on, and its numbers.

import { buildLut, parseHex } from '../shared/color.js';
import { formatMargin } from '../shared/format.js';
import { ABOVE, BELOW, DIVERGING, inkCss } from '../shared/hues.js';
import { formatWay } from './words.js';

const BEND = 0.7;

/** Purple to green with a dark middle, for dark pages. */
const DIVERGING_DARK = buildLut(['#dfb3f5', '#a76bc4', '#5b3a6e', '#23262f', '#24553b', '#3f9b5b', '#9fe8a6'].map(parseHex));
/** The colour map around 0 of a theme: 256 colours. */
export function heatMap(theme) {
  return theme.dark ? DIVERGING_DARK : DIVERGING;
}

/** How strongly a share is coloured, −1 to 1: small ones more than in proportion, since one large cell often dwarfs the others. */
export function heatStrength(value, range) {
  const share = Math.max(-1, Math.min(1, value / range));
  return Math.sign(share) * Math.abs(share) ** BEND;
}

/** Place of a share in the colour map, 0 to 255: the middle is no change. */
export function heatIndex(value, range) {
  return Math.round(255 * (0.5 + 0.5 * heatStrength(value, range)));
}

/** CSS gradient of the colours over shares from −range to +range. */
export function heatGradient(theme) {
  const stops = Array.from({ length: 25 }, (_, i) => inkCss(heatMap(theme)[heatIndex(i / 12 - 1, 1)]));
  return `linear-gradient(to right, ${stops.join(', ')})`;
}

/** A number as it is written into a cell. */
export function cellText({ value, raw }, scale) {
  if (!Number.isFinite(raw)) return '';
  return scale === 'raw' ? formatMargin(raw) : formatWay(value).replace(/[^\d+−]/g, '');
}

/** Ink that stands out from the washed picture of a theme, below 0 or above. */
export function tileInk(theme, value) {
  if (theme.dark) return DIVERGING_DARK[value < 0 ? 20 : 235];
  return value < 0 ? BELOW : ABOVE;
}
