// A perceptual, colour-blind-safe map (viridis, 17 stops) and the small colour sums that the canvases need.

const VIRIDIS_STOPS =
  '440154 48186a 472d7b 424086 3b528b 33638d 2c728e 26828e 21918c 1fa088 28ae80 3fbc73 5ec962 84d44b addc30 d8e219 fde725';

/** [r, g, b], 0 to 255, of "#rrggbb"; a neutral grey for anything else. */
export function parseHex(hex) {
  const match = /^#?([0-9a-f]{6})$/i.exec(String(hex).trim());
  const n = match ? parseInt(match[1], 16) : 0x888888;
  return [n >> 16, (n >> 8) & 255, n & 255];
}

/** 256 colours [r, g, b], linear between the given stops. */
export function buildLut(stops) {
  return Array.from({ length: 256 }, (_, i) => {
    const at = (i / 255) * (stops.length - 1);
    const low = Math.min(Math.floor(at), stops.length - 2);
    return stops[low].map((v, c) => Math.round(v + (stops[low + 1][c] - v) * (at - low)));
  });
}

export const LUT = buildLut(VIRIDIS_STOPS.split(' ').map(parseHex));
const LUT_CSS = LUT.map((rgb) => `rgb(${rgb.join(',')})`);

/** Index into the map of t, 0 (dark) to 1 (light); clamped, and 0 for NaN. */
export function lutIndex(t) {
  return t > 0 ? Math.min(255, Math.round(t * 255)) : 0;
}

/** CSS colour of t, 0 (dark) to 1 (light). */
export function mapColor(t) {
  return LUT_CSS[lutIndex(t)];
}

/** CSS gradient of the whole map, left to right, for a colour bar. */
export function mapGradient() {
  const stops = Array.from({ length: 17 }, (_, i) => LUT_CSS[lutIndex(i / 16)]);
  return `linear-gradient(to right, ${stops.join(', ')})`;
}

function linearLight(channel) {
  const c = channel / 255;
  return c <= 0.04045 ? c / 12.92 : ((c + 0.055) / 1.055) ** 2.4;
}

/** WCAG relative luminance, 0 (black) to 1 (white). */
export function luminance([r, g, b]) {
  return 0.2126 * linearLight(r) + 0.7152 * linearLight(g) + 0.0722 * linearLight(b);
}

/** CIE lightness L*, 0 to 100. */
export function lightness(rgb) {
  const y = luminance(rgb);
  return y > 0.008856 ? 116 * Math.cbrt(y) - 16 : 903.3 * y;
}

/** Black or white, whichever reads better on the colour. */
export function textOn(rgb) {
  return luminance(rgb) > 0.18 ? '#000000' : '#ffffff';
}
