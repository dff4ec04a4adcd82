// The best ten answers of one run as a list whose lines glide to their new places, with what changed since another run.

import { make, prefersStill, setText } from '../shared/dom.js';
import { formatPercent } from '../shared/format.js';

const GLIDE_MS = 320;

/** How the place of each class changed against another list: {index: places up}, "new" where it was not in it. */
export function placeChanges(top, before) {
  const places = new Map((before ?? []).map(({ index }, i) => [index, i]));
  return new Map(top.map(({ index }, i) => [index, places.has(index) ? places.get(index) - i : 'new']));
}

function placeText(change) {
  if (change === 'new') return 'new';
  if (!change) return '';
  return `${change > 0 ? '▲' : '▼'}${Math.abs(change)}`;
}

/** The same as marks of a top list: class index → {text, way}. */
export function placeMarks(top, before) {
  return new Map([...placeChanges(top, before)].map(([index, change]) => [index, { text: placeText(change), way: change > 0 ? 'up' : change < 0 ? 'down' : '' }]));
}

function makeLine() {
  const [emoji, name, change, value] = [make('span', { class: 'pl-emoji', 'aria-hidden': 'true' }), make('span', { class: 'pl-topname' }),
    make('span', { class: 'pl-topchange' }), make('span', { class: 'pl-num' })];
  const bar = make('span', { class: 'pl-topbar' });
  const share = make('span', { class: 'pl-topshare', 'aria-hidden': 'true', hidden: true });
  return { row: make('li', {}, bar, emoji, name, change, value), emoji, name, change, value, bar, share };
}

function showMark({ change, share }, mark) {
  setText(change, mark?.text ?? '');
  change.dataset.way = mark?.way ?? '';
  change.append(share);
  share.hidden = !Number.isFinite(mark?.share);
  share.dataset.way = change.dataset.way;
  share.style.transform = `scaleX(${Math.abs(mark?.share ?? 0).toFixed(3)})`;
}

function glide(rows, was) {
  if (prefersStill()) return;
  for (const [index, { row }] of rows) {
    const from = was.get(index);
    const shift = from === undefined ? 0 : from - row.offsetTop;
    if (shift) row.animate([{ transform: `translateY(${shift}px)` }, { transform: 'none' }], { duration: GLIDE_MS, easing: 'ease-out' });
    else if (from === undefined && was.size) row.animate([{ opacity: 0 }, { opacity: 1 }], { duration: GLIDE_MS });
  }
}

/**
 * A list in `holder`; show(top, {marks, a, b, painter}) fills it.
 *
 * `marks` is class index → {text, way, share} of what changed; where there is a share, −1 to 1, a small bar shows it. `a` and `b` are the
 * classes to stand out, null for none.
 */
export function createTopList(holder) {
  let rows = new Map();
  return (top, { marks = new Map(), a, b, painter }) => {
    const was = new Map([...rows].map(([index, { row }]) => [index, row.offsetTop]));
    rows = new Map(top.map((answer) => {
      const line = rows.get(answer.index) ?? makeLine();
      const mark = marks.get(answer.index);
      line.row.dataset.side = answer.index === a?.index ? 'a' : answer.index === b?.index ? 'b' : '';
      setText(line.emoji, painter.text(answer.emoji));
      setText(line.name, answer.name);
      line.name.title = answer.name;
      showMark(line, mark);
      setText(line.value, formatPercent(answer.probability));
      line.bar.style.transform = `scaleX(${Math.max(0.004, answer.probability).toFixed(4)})`;
      return [answer.index, line];
    }));
    holder.replaceChildren(...[...rows.values()].map(({ row }) => row));
    glide(rows, was);
  };
}
