// Means and rates with their intervals on one scale: a dot in a band, the numbers beside it.

import { make } from './dom.js';

/** The scale of several intervals {low, high}: from the least to the greatest end of its intervals, 0 and `most` always on it. */
export function intervalScale(rows, most = 1) {
  const ends = rows.flatMap(({ low, high }) => [low, high]).filter(Number.isFinite);
  const [low, high] = [Math.min(0, ...ends), Math.max(most, ...ends)];
  return { low, high, at: (value) => (100 * (value - low)) / (high - low) };
}

/** One line: its name, where its middle and its interval lie on the scale, and both in words, which `words` = {middle, interval} holds. */
export function intervalRow(name, middle, interval, scale, { isControl = false, words }) {
  const place = (v) => `${scale.at(v).toFixed(2)}%`;
  const width = `${(scale.at(interval.high) - scale.at(interval.low)).toFixed(2)}%`;
  const band = make('span', { class: 'pl-band', style: `left:${place(interval.low)};width:${width}` });
  const dot = make('span', { class: 'pl-banddot', style: `left:${place(middle)}` });
  return make('div', { class: 'pl-intervalrow', 'data-control': String(isControl) }, make('span', { class: 'pl-intervalname', text: name }),
    make('span', { class: 'pl-track', 'aria-hidden': 'true' }, band, dot),
    make('span', { class: 'pl-num', text: words.middle, title: `95 % interval ${words.interval}` }),
    make('span', { class: 'pl-num pl-muted pl-intervalends', text: words.interval }));
}
