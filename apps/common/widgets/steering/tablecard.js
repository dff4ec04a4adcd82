// All SAEs of this model side by side, from what was measured of each; headers sort and explain.

import { formatPercent } from '../shared/format.js';
import { createGate } from '../shared/schedule.js';
import { sortable } from '../shared/sorttable.js';

const plain = (digits) => (value) => (Number.isFinite(value) ? value.toFixed(digits).replace('-', '−') : '–');
const whole = (value) => (Number.isFinite(value) ? value.toLocaleString('en') : '–');
const KNOWN = [
  ['latents', 'Latents', whole, 'latent'],
  ['k', 'k', whole, 'topk'],
  ['explained_variance', 'Explained variance', formatPercent, 'variance'],
  ['l0', 'L0 (latents a token)', plain(1), 'l0'],
  ['mse', 'MSE', plain(4), 'mse'],
  ['cosine', 'Cosine', plain(3), 'cosine'],
  ['alive', 'Alive', formatPercent, 'alive'],
  ['dense', 'Dense', formatPercent, 'dense'],
  ['accuracy', 'Accuracy, original', formatPercent, 'accuracy'],
  ['accuracy_spliced', 'Accuracy, reconstruction', formatPercent, 'accuracy'],
  ['kept', 'Accuracy kept', formatPercent, 'accuracy'],
  ['top1_agreement', 'Same answer', formatPercent, 'agreement'],
  ['kl', 'KL (nats)', plain(4), 'kl'],
];
const NAMES = ['id', 'title', 'hook'];

/** The columns of the table: those that any row has, the known ones first, then numbers under their own name. */
export function tableColumns(rows) {
  const has = (name) => rows.some((row) => Number.isFinite(row[name]));
  const column = ([id, title, show, term]) => ({ id, title, show, term, values: Float64Array.from(rows, (row) => row[id] ?? NaN) });
  const others = [...new Set(rows.flatMap(Object.keys))].filter((name) => !NAMES.includes(name) && !KNOWN.some(([id]) => id === name) && has(name));
  return [
    { id: 'title', title: 'SAE', values: rows.map(({ title }) => title), show: (i) => rows[i].title, isName: true },
    ...KNOWN.filter(([id]) => has(id)).map(column),
    ...others.map((id) => column([id, id.replaceAll('_', ' '), plain(3), null])),
  ];
}

/** View of the table. */
export function createTableCard({ parts, getScene }) {
  const gate = createGate();
  function render() {
    const scene = getScene();
    if (!scene) return;
    const { versions, table, run } = scene;
    parts.tableCard.hidden = !table?.length;
    if (!table?.length || !gate.opens([versions.table, versions.run].join())) return;
    sortable(parts.table, {
      columns: tableColumns(table),
      initial: 'title',
      caption: 'Measured on held-out pictures. The line in bold is the SAE that is open.',
      attributes: (i) => ({ 'data-own': String(table[i].id === run.sae.id) }),
    });
  }
  return { render, forget: gate.reset };
}
