// Text twins: the exact numbers of the locked patch, and every head with its metrics; built only while they are open.

import { setText } from '../shared/dom.js';
import { tokenName } from '../shared/geometry.js';
import { createGate } from '../shared/schedule.js';
import { sortable } from '../shared/sorttable.js';
import { formatExact, formatMetric } from './amounts.js';
import { unitWords } from './run.js';

const score = (v) => (v === -Infinity ? 'hidden' : formatExact(v));
const share = (v) => (Number.isFinite(v) ? `${formatExact(100 * v)} %` : '–');
const EXACT_COLUMNS = [
  { id: 'patternRow', title: 'Reads: pattern', show: share }, { id: 'scoresRow', title: 'Reads: score', show: score },
  { id: 'valueRow', title: 'Reads: value-weighted', show: formatExact },
  { id: 'patternColumn', title: 'Is read by: pattern', show: share }, { id: 'scoresColumn', title: 'Is read by: score', show: score },
  { id: 'valueColumn', title: 'Is read by: value-weighted', show: formatExact },
];

/** View of the exact numbers of the locked token. */
export function createNumbers({ parts, getScene, dispatch }) {
  const gate = createGate();
  parts.numbersTwin.addEventListener('toggle', () => {
    gate.reset();
    render();
  });
  function message({ exact, exactProblem, token }) {
    if (token === null) return 'Lock a patch or CLS in the picture (click it, or press Enter on it), and its exact numbers are listed here.';
    if (exactProblem) return exactProblem;
    return exact ? '' : 'Loading…';
  }
  function render() {
    const pane = getScene()?.panes[0];
    if (!pane || !parts.numbersTwin.open) return;
    if (!gate.opens([getScene().serial, pane.head.layer, pane.head.unit, pane.token, Boolean(pane.exact), pane.exactProblem].join())) return;
    setText(parts.numbersMessage, message(pane));
    parts.numbersMessage.hidden = Boolean(pane.exact);
    parts.numbersTable.hidden = !pane.exact;
    if (!pane.exact) return parts.numbersTable.replaceChildren();
    const places = Float32Array.from({ length: pane.shape.nTokens }, (_, i) => i);
    const columns = [{ id: 'token', title: 'Token', values: places, show: (i) => tokenName(pane.shape, i), isName: true },
      ...EXACT_COLUMNS.map((column) => ({ ...column, values: pane.exact[column.id] }))];
    const caption = `${tokenName(pane.shape, pane.token)} in ${unitWords(pane.head)}. “Reads” is its row, “is read by” its column; pattern: share of attention, `
      + 'score: before the softmax, value-weighted: length moved.';
    return sortable(parts.numbersTable, { columns, caption, initial: 'patternRow', attributes: (i) => ({ 'data-token': i }) });
  }
  parts.numbersTable.addEventListener('click', (event) => {
    const token = event.target.closest('tr[data-token]')?.dataset.token;
    if (token && !event.target.closest('button')) dispatch({ type: 'hover', token: Number(token) });
  });
  parts.numbersTable.addEventListener('pointerleave', () => dispatch({ type: 'hover', token: null }));
  return { render, forget: gate.reset };
}

/** View of the table of heads, the twin of the wall and of the scatter. */
export function createHeadTable({ parts, getScene, dispatch, typesOf, revealPicture }) {
  const gate = createGate();
  parts.headsTwin.addEventListener('toggle', () => {
    gate.reset();
    render();
  });
  function metricColumns({ run, metrics }) {
    return run.metrics.filter((metric) => metrics?.[metric.id]).map((metric) => ({ id: metric.id, title: metric.title, values: metrics[metric.id],
      show: (v) => formatMetric(v, metric.unit) }));
  }
  function render() {
    const scene = getScene();
    const pane = scene?.panes[0];
    if (!pane || !parts.headsTwin.open) return;
    if (gate.opens(`${scene.serial}|${Boolean(pane.metrics)}|${scene.typesSerial}`)) build(pane);
    else markShown();
  }
  function markShown() {
    const [pane] = getScene().panes;
    for (const row of parts.headsTable.querySelectorAll('tr[data-head]')) {
      const isShown = Number(row.dataset.layer) === pane.head.layer && Number(row.dataset.head) === pane.head.unit;
      if (isShown !== (row.getAttribute('aria-selected') === 'true')) row.setAttribute('aria-selected', String(isShown));
    }
  }
  function build(pane) {
    const { nLayers, nHeads } = pane.shape;
    const heads = Float32Array.from({ length: nLayers * nHeads }, (_, i) => i);
    const place = (i) => ({ layer: Math.floor(i / nHeads), unit: i % nHeads });
    const words = Array.from(heads, (i) => typesOf(place(i).layer, place(i).unit).join(', '));
    const columns = [{ id: 'head', title: 'Head', values: heads, show: (i) => `layer ${place(i).layer}, head ${place(i).unit}`, isName: true },
      ...metricColumns(pane), ...(words.some(Boolean) ? [{ id: 'types', title: 'Types', values: words, show: (v) => v || '–' }] : [])];
    sortable(parts.headsTable, { columns, caption: 'All heads on this picture; a click chooses a head.', initial: 'head',
      attributes: (i) => ({ 'data-layer': place(i).layer, 'data-head': place(i).unit, 'aria-selected': 'false' }), built: markShown });
  }
  parts.headsTable.addEventListener('click', (event) => {
    const row = event.target.closest('tr[data-head]');
    if (!row || event.target.closest('button')) return;
    dispatch({ type: 'head', head: { layer: Number(row.dataset.layer), unit: Number(row.dataset.head) }, lock: true });
    revealPicture();
  });
  return { render, forget: gate.reset };
}
