// The charts as a table: every stop, and at the findings' steps what was found.

import { make } from '../shared/dom.js';
import { lossText, rowAt, sharePercent } from './stepwords.js';

/** One list of texts for each stop: step, right answers, loss, loss on training pictures, and the lens where measured. */
export function stopCells({ stops, rows, curves }) {
  const lens = curves?.lens;
  return stops.map((step) => {
    const row = rowAt(rows, step);
    const at = curves?.steps.indexOf(step) ?? -1;
    const found = lens ? [at < 0 ? '–' : lens.iou[at][lens.best[at]].toFixed(2)] : [];
    return [String(step), sharePercent(row?.heldAccuracy), lossText(row?.heldLoss), lossText(row?.loss), ...found];
  });
}

/** The table of all stops; the one on show is marked. */
export function stepTable(data, shown) {
  const names = ['Step', 'Right', 'Loss', 'Loss in training', ...(data.curves?.lens ? ['Lens IoU'] : [])];
  const head = make('tr', {}, ...names.map((text) => make('th', { scope: 'col', text })));
  const lines = stopCells(data).map(([step, ...cells]) => {
    const current = Number(step) === shown ? 'step' : null;
    return make('tr', { 'aria-current': current }, make('th', { scope: 'row', text: step }),
      ...cells.map((text) => make('td', { class: 'pl-num', text })));
  });
  return make('table', { class: 'pl-table' }, make('thead', {}, head), make('tbody', {}, ...lines));
}
