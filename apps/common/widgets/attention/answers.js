// What the model answers for the whole picture: its five best classes, and beside them those of the second run.

import { make } from '../shared/dom.js';
import { formatPercent } from '../shared/format.js';
import { createGate } from '../shared/schedule.js';

/** The classes of one or two answers, [{index, name, emoji, first, second}], probabilities; NaN where a class is not among the five. */
export function answerRows(first, second) {
  const rows = new Map();
  const add = (answer, place) => {
    for (const { index, name, emoji, probability } of answer ?? []) {
      if (!rows.has(name)) rows.set(name, { index, name, emoji, first: NaN, second: NaN });
      rows.get(name)[place] = probability;
    }
  };
  add(first, 'first');
  add(second, 'second');
  return [...rows.values()];
}

function bar(value, place) {
  const width = Number.isFinite(value) ? Math.max(1, 100 * value) : 0;
  return make('span', { class: `pl-answerbar pl-${place}`, style: `width:${width.toFixed(1)}%` });
}

function line({ name, emoji, first, second }, painter, isCompared) {
  const cell = (value) => make('td', { class: 'pl-num', text: Number.isFinite(value) ? formatPercent(value) : '–' });
  const bars = isCompared ? [bar(first, 'first'), bar(second, 'second')] : [bar(first, 'first')];
  const label = make('span', { class: 'pl-answername', title: name }, make('span', { class: 'pl-emoji', 'aria-hidden': 'true', text: painter.text(emoji) }), ` ${name}`);
  return make('tr', {}, make('th', { scope: 'row' }, label, ...bars), cell(first), ...(isCompared ? [cell(second)] : []));
}

/** View of the answers; hidden where neither run has a classifier. */
export function createAnswers({ parts, getScene }) {
  const gate = createGate();
  function render() {
    const scene = getScene();
    if (!scene?.panes[0] || !gate.opens(`${scene.serial}|${Boolean(scene.fontReady)}`)) return;
    const [a, b] = scene.panes;
    const [first, second] = [a.run.answer, b?.run.answer];
    parts.answers.hidden = !first && !second;
    parts.answerHead.hidden = !b;
    parts.answerTitles.replaceChildren(make('th', { scope: 'col', text: 'Class' }), make('th', { scope: 'col', class: 'pl-num', text: b ? 'First' : 'Prob.' }),
      ...(b ? [make('th', { scope: 'col', class: 'pl-num', text: 'Second' })] : []));
    parts.answerRows.replaceChildren(...answerRows(first, b ? second : null).map((row) => line(row, scene.painter, Boolean(b))));
  }
  return { render, forget: gate.reset };
}
