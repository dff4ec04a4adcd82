// The axis of steps: 0 first, then powers of two at equal distances, as they were kept.

/** Where a step lies between the first (0) and the last (1). */
export function stepPlace(step, last) {
  if (last < 1) return 0;
  return step < 1 ? 0 : (1 + Math.log2(step)) / (1 + Math.log2(last));
}

/** The stop nearest to a place from 0 to 1. */
export function nearestStop(stops, place) {
  const last = stops.at(-1);
  const away = (step) => Math.abs(stepPlace(step, last) - place);
  return stops.reduce((best, step) => (away(step) < away(best) ? step : best));
}

/** The stop that a key leads to from `step`, or null for a key that leads nowhere. */
export function stopByKey(stops, step, key) {
  const at = stops.indexOf(nearestStop(stops, stepPlace(step, stops.at(-1))));
  const to = { ArrowLeft: at - 1, ArrowDown: at - 1, PageDown: at - 3, ArrowRight: at + 1, ArrowUp: at + 1, PageUp: at + 3,
    Home: 0, End: stops.length - 1 }[key];
  return to === undefined ? null : stops[Math.max(0, Math.min(stops.length - 1, to))];
}

/** The stops whose names fit below the axis: the first, the last, and others from the left with `gap` pixels between. */
export function namedStops(stops, { xOf, widthOf, gap }) {
  const half = (step) => widthOf(step) / 2;
  const [first, last] = [stops[0], stops.at(-1)];
  const named = [first];
  for (const step of stops.slice(1, -1)) {
    const fits = (a, b) => xOf(b) - half(b) - (xOf(a) + half(a)) >= gap;
    if (fits(named.at(-1), step) && fits(step, last)) named.push(step);
  }
  return last === first ? named : [...named, last];
}
