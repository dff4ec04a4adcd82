// What the selected patch reads and who reads it, as two short lists beside the picture, for one run or for two.

import { make, setText } from '../shared/dom.js';
import { tokenName } from '../shared/geometry.js';
import { inkCss } from '../shared/hues.js';
import { createGate } from '../shared/schedule.js';
import { formatAmount } from './amounts.js';
import { placeIn } from './grids.js';
import { strengthOf, strongestOf } from './unit.js';

const LINES = 6;

function makeLine() {
  const bar = make('span', { class: 'pl-readbar' });
  const name = make('span', { class: 'pl-readname' });
  const [value, other] = [make('span', { class: 'pl-num' }), make('span', { class: 'pl-num pl-second' })];
  return { row: make('li', {}, make('span', { class: 'pl-readcell' }, bar, name), value, other), bar, name, value, other };
}

/** View of the two lists; `parts.reads` and `parts.readBy` are their elements. */
export function createReadingList({ parts, getScene, dispatch }) {
  const gate = createGate();
  const lists = { reads: parts.reads, readBy: parts.readBy };
  const lines = Object.fromEntries(Object.entries(lists).map(([direction, list]) => {
    const made = Array.from({ length: LINES }, makeLine);
    list.replaceChildren(...made.map((line) => line.row));
    return [direction, made];
  }));

  function otherValue(scene, direction, token) {
    const [a, b] = scene.panes;
    if (!b?.reading) return '';
    const there = placeIn(a.shape, b.shape, token);
    const side = b.reading[direction];
    return there === null ? '–' : formatAmount(b.kind, side.values[there], side.stepOf(there));
  }
  function fill(scene, direction) {
    const [pane] = scene.panes;
    const side = pane.reading?.[direction];
    const best = side ? strongestOf(pane.kind, side, LINES) : [];
    lines[direction].forEach(({ row, bar, name, value, other }, i) => {
      const item = best[i];
      row.dataset.token = item ? item.token : '';
      setText(name, item ? tokenName(pane.shape, item.token) : '–');
      setText(value, item ? formatAmount(pane.kind, item.value, item.step) : '');
      setText(other, item ? otherValue(scene, direction, item.token) : '');
      const strength = item ? Math.abs(strengthOf(pane.kind, item.value, side.range)) : 0;
      bar.style.transform = `scaleX(${strength.toFixed(3)})`;
      bar.style.background = item ? inkCss(side.ink, 0.35) : 'none';
    });
  }
  function render() {
    const scene = getScene();
    const pane = scene?.panes[0];
    if (!pane) return;
    const key = [scene.serial, pane.unitKey, scene.panes[1]?.unitKey, pane.reading?.token, scene.panes[1]?.reading?.token, scene.state.norm];
    if (!gate.opens(key.join())) return;
    setText(parts.readingName, pane.reading ? tokenName(pane.shape, pane.reading.token) : 'No patch yet');
    parts.readingEmpty.hidden = Boolean(pane.reading);
    parts.readingLists.hidden = !pane.reading;
    parts.reading.dataset.compare = String(Boolean(scene.panes[1]));
    fill(scene, 'reads');
    fill(scene, 'readBy');
  }
  parts.readingLists.addEventListener('click', (event) => {
    const token = event.target.closest('[data-token]')?.dataset.token;
    if (token) dispatch({ type: 'lockToken', token: Number(token) });
  });
  return { render, forget: gate.reset };
}
