// Small numbers written over pictures: how wide one is, drawing it, and leaving out those that would cover another.

export const PILL_HEIGHT = 14;

/** Width of a pill with this text, in CSS pixels. */
export function pillWidth(context, theme, text) {
  context.font = `600 10.5px ${theme.font}`;
  return context.measureText(text).width + 9;
}

/** Draw a pill around x, y; `fill` is its ground, `ink` its text. */
export function drawPill(context, theme, { x, y, text, fill, ink = '#ffffff' }) {
  const width = pillWidth(context, theme, text);
  context.fillStyle = fill;
  context.beginPath();
  context.roundRect(x - width / 2, y - PILL_HEIGHT / 2, width, PILL_HEIGHT, 5);
  context.fill();
  context.fillStyle = ink;
  context.textAlign = 'center';
  context.textBaseline = 'middle';
  context.fillText(text, x, y + 0.5);
}

/** Leave out pills that would cover an earlier, stronger one, and keep the others on the canvas. */
export function arrangePills(pills, { width, height }) {
  const placed = [];
  for (const pill of pills) {
    const x = Math.max(pill.width / 2, Math.min(width - pill.width / 2, pill.x));
    const y = Math.max(PILL_HEIGHT / 2, Math.min(height - PILL_HEIGHT / 2, pill.y));
    if (placed.some((other) => Math.abs(other.x - x) < (other.width + pill.width) / 2 && Math.abs(other.y - y) < PILL_HEIGHT)) continue;
    placed.push({ ...pill, x, y });
  }
  return placed;
}
