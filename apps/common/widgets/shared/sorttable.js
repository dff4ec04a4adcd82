// Tables whose headers sort.

import { make } from './dom.js';

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
  const help = column.term ? [' ', make('button', { type: 'button', class: 'pl-help', 'data-term': column.term, text: '?', 'aria-label': `What is meant: ${column.title}` })] : [];
  return make('th', { scope: 'col', class: column.isName ? null : 'pl-num', 'aria-sort': isSorted ? (sort.rising ? 'ascending' : 'descending') : null }, button, ...help);
}

/**
 * Fill a holder with a table whose header sorts; `columns` are {id, title, values, show}, the first one holds names; a column with a `term`
 * explains itself.
 *
 * `attributes(i)` gives those of a row, `built()` is called after each order.
 */
export function sortable(holder, { columns, caption, initial, attributes = () => ({}), built = () => {} }) {
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
