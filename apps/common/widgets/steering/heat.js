// Heatmaps of one latent: dark where it is off, brighter the more it is on, each latent from 0 to its own maximum.

import { LUT, lutIndex, mapColor } from '../shared/color.js';
import { make } from '../shared/dom.js';

const DIMMEST = 0.12; // the faintest activation is still told from none

/** Place of a value in the colour map, 0 to 1: 0 is off, and what is on begins a little above. */
export function heatShare(value, most) {
  if (!(value > 0) || !(most > 0)) return 0;
  return DIMMEST + (1 - DIMMEST) * Math.min(1, value / most);
}

/** CSS colour of a value that is on. */
export function heatColor(value, most) {
  return mapColor(heatShare(value, most));
}

/** Opacity of a heatmap over a picture, 0 to 255, where the latent is on and, thinner, where it is off; `overlay` from 0 to 1. */
export function heatAlphas(overlay) {
  return { alpha: Math.round(255 * overlay), offAlpha: Math.round(95 * overlay) };
}

/** RGBA of the patches, row by row; `alpha` where the latent is on, `offAlpha` where it is off, 0 to 255. */
export function heatPixels(values, nPrefix, most, { alpha = 255, offAlpha = 255 } = {}) {
  const pixels = new Uint8ClampedArray(4 * (values.length - nPrefix));
  for (let i = nPrefix; i < values.length; i++) {
    const isOn = values[i] > 0;
    pixels.set([...LUT[lutIndex(heatShare(values[i], most))], isOn ? alpha : offAlpha], 4 * (i - nPrefix));
  }
  return pixels;
}

/** CSS gradient of the colours from just above 0 to the maximum. */
export function heatGradient() {
  return `linear-gradient(to right, ${Array.from({ length: 17 }, (_, i) => mapColor(DIMMEST + (1 - DIMMEST) * (i / 16))).join(', ')})`;
}

/** A tiny canvas with one pixel a patch, scaled up by CSS. */
export function heatCanvas({ rows, cols, nPrefix }, values, most, options) {
  const canvas = make('canvas', { class: 'pl-heat', width: cols, height: rows, 'aria-hidden': 'true' });
  const pixels = heatPixels(values, nPrefix, most, options);
  canvas.getContext('2d').putImageData(new ImageData(pixels, cols, rows), 0, 0);
  return canvas;
}
