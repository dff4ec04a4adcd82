// How often a latent is how strongly on: bars on a logarithmic axis both ways, and where this picture lies.

import { timesText } from './columns.js';

const PAD = { left: 44, right: 12, top: 22, bottom: 30 };

/** Powers of ten from 1 up to the first one not below `most`. */
export function decadeTicks(most) {
  const last = Math.max(1, Math.ceil(Math.log10(Math.max(1, most)) - 1e-9));
  return Array.from({ length: last + 1 }, (_, i) => 10 ** i);
}

/** Scales of a histogram with edges > 0: x logarithmic over the edges (and `also`), y logarithmic from 1; empty bins have height 0. */
export function histogramScale({ edges, counts }, width, height, also = null) {
  const ends = [edges[0], edges.at(-1), ...(also > 0 ? [also] : [])].map(Math.log10);
  const [low, high] = [Math.min(...ends), Math.max(...ends)];
  const ticks = decadeTicks(Math.max(...counts, 1));
  const top = Math.log10(ticks.at(-1)) || 1;
  const box = { x: PAD.left, y: PAD.top, width: width - PAD.left - PAD.right, height: height - PAD.top - PAD.bottom };
  return {
    box,
    ticks,
    x: (act) => box.x + (box.width * (Math.log10(act) - low)) / Math.max(1e-9, high - low),
    y: (count) => box.y + box.height * (1 - (count > 0 ? 0.06 + 0.94 * (Math.log10(count) / top) : 0)),
    range: [10 ** low, 10 ** high],
  };
}

/** Round values of the x axis, as multiples of the typical activation. */
export function timesTicks([low, high], typical) {
  const found = [];
  for (let power = -4; power <= 5; power++) {
    for (const step of [1, 3]) {
      const value = Number(`${step}e${power}`);
      if (value * typical >= low * 0.999 && value * typical <= high * 1.001) found.push(value);
    }
  }
  return found;
}

/** Draw it; `here` is the maximum in this picture (0: off), `typical` the unit of the x axis. */
export function drawHistogram(context, { width, height }, theme, histogram, { here, typical }) {
  const scale = histogramScale(histogram, width, height, here);
  const { box } = scale;
  context.clearRect(0, 0, width, height);
  context.font = `11px ${theme.font}`;
  context.lineWidth = 1;
  context.textBaseline = 'middle';
  for (const tick of scale.ticks) {
    context.strokeStyle = theme.line;
    context.beginPath();
    context.moveTo(box.x, scale.y(tick));
    context.lineTo(box.x + box.width, scale.y(tick));
    context.stroke();
    context.fillStyle = theme.muted;
    context.textAlign = 'right';
    context.fillText(tick.toLocaleString('en'), box.x - 6, scale.y(tick));
  }
  context.fillStyle = theme.one;
  histogram.counts.forEach((count, i) => {
    const [left, right] = [scale.x(histogram.edges[i]), scale.x(histogram.edges[i + 1])];
    if (count > 0) context.fillRect(left + 0.5, scale.y(count), Math.max(1, right - left - 1), box.y + box.height - scale.y(count));
  });
  drawTimes(context, theme, scale, typical);
  if (here > 0) drawHere(context, theme, scale, here, typical);
}

function drawTimes(context, theme, { box, x, range }, typical) {
  context.fillStyle = theme.muted;
  context.textAlign = 'center';
  context.textBaseline = 'top';
  let last = -Infinity;
  for (const tick of timesTicks(range, typical)) {
    const at = x(tick * typical);
    if (at - last < 44) continue;
    last = at;
    context.fillRect(at - 0.5, box.y + box.height, 1, 4);
    context.fillText(`${tick >= 1 ? tick.toLocaleString('en') : tick}×`, at, box.y + box.height + 7);
  }
}

function drawHere(context, theme, { box, x }, here, typical) {
  const at = x(here);
  context.strokeStyle = theme.accent;
  context.lineWidth = 2;
  context.beginPath();
  context.moveTo(at, box.y - 6);
  context.lineTo(at, box.y + box.height);
  context.stroke();
  context.fillStyle = theme.fg;
  context.font = `600 11px ${theme.font}`;
  context.textBaseline = 'alphabetic';
  const text = `this picture: ${timesText(here / typical)}`;
  const half = context.measureText(text).width / 2;
  context.textAlign = 'center';
  context.fillText(text, Math.max(box.x + half - 20, Math.min(box.x + box.width - half + 8, at)), box.y - 9);
}
