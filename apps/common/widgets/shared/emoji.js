// Emoji on canvas: our web font first, the system's where the browser cannot draw ours, and never a missing-glyph box.

import { pixelRatio } from './dom.js';
import { luminance, parseHex, textOn } from './color.js';
import { fetchBytes } from './fetching.js';

const EMOJI_FAMILY = 'Prisma Emoji';
const SYSTEM_EMOJI = '"Apple Color Emoji", "Segoe UI Emoji", "Noto Color Emoji", "Twemoji Mozilla"';
const OURS_FIRST = `"${EMOJI_FAMILY}", ${SYSTEM_EMOJI}, sans-serif`;
const SYSTEM_FIRST = `${SYSTEM_EMOJI}, "${EMOJI_FAMILY}", sans-serif`;
const PROBE_SIZE = 48;

function drawProbe(text, family) {
  const canvas = Object.assign(document.createElement('canvas'), { width: PROBE_SIZE, height: PROBE_SIZE });
  const context = canvas.getContext('2d', { willReadFrequently: true });
  context.font = `32px ${family}`;
  context.textAlign = 'center';
  context.textBaseline = 'middle';
  context.fillText(text, PROBE_SIZE / 2, PROBE_SIZE / 2);
  return context.getImageData(0, 0, PROBE_SIZE, PROBE_SIZE).data;
}

/** True where some drawn pixel is clearly coloured: black ink and empty glyphs are not. */
export function hasColor(pixels) {
  for (let i = 0; i < pixels.length; i += 4) {
    const [r, g, b] = [pixels[i], pixels[i + 1], pixels[i + 2]];
    if (pixels[i + 3] > 128 && Math.max(r, g, b) - Math.min(r, g, b) > 60) return true;
  }
  return false;
}

async function addFont(url) {
  if ([...document.fonts].some((face) => face.family.includes(EMOJI_FAMILY) && face.status === 'loaded')) return;
  const face = new FontFace(EMOJI_FAMILY, await fetchBytes(url, 'The emoji font'));
  document.fonts.add(await face.load());
}

/** Load the web font and return the CSS family list to draw with; the system's emoji when that fails. */
export async function loadEmojiFamily(url) {
  if (!url) return SYSTEM_FIRST;
  try {
    await addFont(url);
  } catch {
    return SYSTEM_FIRST;
  }
  return hasColor(drawProbe('🍎', `"${EMOJI_FAMILY}"`)) ? OURS_FIRST : SYSTEM_FIRST;
}

/**
 * Load a font by its address, unless it is the one in use; then `painter` and the text below `root` are drawn with it,
 * and `ready()` is called. Of several addresses asked for at once the last counts.
 */
export function createFontLoader(root, painter, ready) {
  let wanted = null;
  return async (url) => {
    if (url === wanted && painter.family) return;
    wanted = url;
    const family = await loadEmojiFamily(url);
    if (url !== wanted) return;
    painter.use(family);
    root.style.setProperty('--pl-emoji', family);
    ready();
  };
}

function sameBytes(a, b) {
  for (let i = 0; i < a.length; i++) if (a[i] !== b[i]) return false;
  return true;
}

function spriteCanvas(side) {
  if (globalThis.OffscreenCanvas) return new OffscreenCanvas(side, side);
  return Object.assign(document.createElement('canvas'), { width: side, height: side });
}

// An ImageBitmap is drawn without a snapshot of its source each time, which a canvas costs.
function frozen(canvas) {
  return canvas.transferToImageBitmap?.() ?? canvas;
}

/** Draws emoji as cached bitmaps, one for each emoji and device size. */
export class EmojiPainter {
  constructor() {
    this.family = null;
    this.sprites = new Map();
    this.missing = new Map();
  }

  /** Draw with this family from now on; earlier bitmaps are forgotten. */
  use(family) {
    if (family === this.family) return;
    this.family = family;
    this.sprites.clear();
    this.missing.clear();
    this.tofu = drawProbe('\u{10FFFD}', family);
  }

  /** True where the browser has no glyph: nothing drawn, or the box of an unassigned character. */
  isMissing(emoji) {
    if (!this.missing.has(emoji)) {
      const pixels = drawProbe(emoji, this.family);
      this.missing.set(emoji, sameBytes(pixels, this.tofu) || !pixels.some((v) => v > 0));
    }
    return this.missing.get(emoji);
  }

  /** What to write for an emoji in ordinary text: itself, or a dot where the browser has no glyph. */
  text(emoji) {
    return !emoji || (this.family && this.isMissing(emoji)) ? '●' : emoji;
  }

  /** Draw an emoji centred at x, y in a square of `size` CSS pixels. */
  draw(context, emoji, x, y, size, color = '#888888') {
    if (!this.family) return;
    const dpr = pixelRatio();
    const side = Math.max(4, Math.round(size * dpr));
    const onPixel = (v) => Math.round(v * dpr - side / 2) / dpr; // whole device pixels: copied, not resampled
    context.drawImage(this.sprite(emoji, side, color), onPixel(x), onPixel(y), side / dpr, side / dpr);
  }

  /** Bitmap of an emoji, `side` device pixels square. */
  sprite(emoji, side, color = '#888888') {
    const key = `${emoji}|${side}`;
    let found = this.sprites.get(key);
    if (!found) {
      if (this.sprites.size > 6000) this.sprites.clear();
      found = frozen(this.isMissing(emoji) ? this.paintSubstitute(color, side) : this.paintGlyph(emoji, side));
      this.sprites.set(key, found);
    }
    return found;
  }

  paintGlyph(emoji, side) {
    const canvas = spriteCanvas(side);
    const context = canvas.getContext('2d');
    context.font = `100px ${this.family}`;
    const box = context.measureText(emoji);
    const width = box.actualBoundingBoxLeft + box.actualBoundingBoxRight;
    const height = box.actualBoundingBoxAscent + box.actualBoundingBoxDescent;
    const scale = side / Math.max(width, height, 1);
    context.font = `${100 * scale}px ${this.family}`;
    const left = (side - width * scale) / 2 + box.actualBoundingBoxLeft * scale;
    context.fillText(emoji, left, (side - height * scale) / 2 + box.actualBoundingBoxAscent * scale);
    return canvas;
  }

  paintSubstitute(color, side) {
    const canvas = spriteCanvas(side);
    const context = canvas.getContext('2d');
    const rgb = parseHex(color);
    context.fillStyle = color;
    context.strokeStyle = luminance(rgb) > 0.5 ? '#000000' : textOn(rgb);
    context.lineWidth = Math.max(1, side / 12);
    context.beginPath();
    context.arc(side / 2, side / 2, side * 0.38, 0, 2 * Math.PI);
    context.fill();
    context.stroke();
    return canvas;
  }
}
