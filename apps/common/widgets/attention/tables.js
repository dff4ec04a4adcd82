// Text twins: the exact numbers of the locked patch, and every head with its metrics; built only while they are open.

import { make, setText } from '../shared/dom.js';
import { tokenName } from '../shared/geometry.js';
import { createGate } from '../shared/schedule.js';
import { formatLength, formatMetric, formatShare } from './amounts.js';
import { unitWords } from './run.js';

const score = (v) => (Number.isFinite(v) ? v.toFixed(4).replace('-', '−') : v === -Infinity ? 'hidden' : '–');
const share = (v) => (Number.isFinite(v) ? `${(100 * v).toPrecision(4)} %` : '–');
const EXACT_COLUMNS = [
  { id: 'patternRow', title: 'Reads: pattern', show: share }, { id: 'scoresRow', title: 'Reads: score', show: score },
  { id: 'valueRow', title: 'Reads: value-weighted', show: formatLength },
  { id: 'patternColumn', title: 'Is read: pattern', show: share }, { id: 'scoresColumn', title: 'Is read: score', show: score },
  { id: 'valueColumn', title: 'Is read: value-weighted', show: formatLength },
];

/** Positions of values in order; NaN and hidden cells always last. */
export function sortedOrder(values, isRising) {
  const known = (i) => Number.isFinite(values[i]);
  const text = typeof values[0] === 'string';
  return Array.from({ length: values.length }, (_, i) => i).sort((a, b) => {
    if (text) return (isRising ? 1 : -1) * values[a].localeCompare(values[b]) || a - b;
    if (known(a) !== known(b)) return known(a) ? -1 : 1;
    return known(a) ? (isRising ? 1 : -1) * (values[a] - values[b]) || a - b : a - b;
  });
}

function headerCell(column, sort, choose) {
  const isSorted = sort.id === column.id;
  const arrow = isSorted ? (sort.rising ? ' ▲' : ' ▼') : '';
  const button = make('button', { type: 'button', class: 'pl-sort', text: `${column.title}${arrow}` });
  button.addEventListener('click', () => choose(column.id));
  return make('th', { scope: 'col', class: column.isName ? null : 'pl-num', 'aria-sort': isSorted ? (sort.rising ? 'ascending' : 'descending') : null }, button);
}

// A table whose header sorts; `columns` are {id, title, values, show}, the first one holds names.
function sortable(holder, { columns, caption, initial, attributes = () => ({}), built = () => {} }) {
  let sort = { id: initial, rising: initial === columns[0].id };
  function build() {
    const by = columns.find((column) => column.id === sort.id);
    const rows = sortedOrder(by.values, sort.rising).map((i) => make('tr', attributes(i), make('th', { scope: 'row', text: columns[0].show(i) }),
      ...columns.slice(1).map((column) => make('td', { class: 'pl-num', text: column.show(column.values[i]) }))));
    holder.replaceChildren(make('table', { class: 'pl-table' }, make('caption', { text: caption }),
      make('thead', {}, make('tr', {}, ...columns.map((column) => headerCell(column, sort, choose)))), make('tbody', {}, ...rows)));
    built();
  }
  function choose(id) {
    sort = { id, rising: sort.id === id ? !sort.rising : id === columns[0].id };
    build();
    [...holder.querySelectorAll('.pl-sort')][columns.findIndex((column) => column.id === id)]?.focus();
  }
  build();
}

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
    const caption = `${tokenName(pane.shape, pane.token)} in ${unitWords(pane.head)}. “Reads” is its row, “is read” its column; pattern: share of attention, `
      + 'score: before the softmax, value-weighted: length moved.';
    return sortable(parts.numbersTable, { columns, caption, initial: 'patternRow', attributes: (i) => ({ 'data-token': i }) });
  }
  parts.numbersTable.addEventListener('click', (event) => {
    const token = event.target.closest('tr[data-token]')?.dataset.token;
    if (token && !event.target.closest('button')) dispatch({ type: 'hover', token: Number(token) });
  });
  return { render, forget: gate.reset };
}

/** View of the table of heads, the twin of the wall and of the scatter. */
export function createHeadTable({ parts, getScene, dispatch, typesOf }) {
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
    if (row && !event.target.closest('button')) dispatch({ type: 'head', head: { layer: Number(row.dataset.layer), unit: Number(row.dataset.head) }, lock: true });
  });
  return { render, forget: gate.reset };
}
