// Text twins of the lists and columns, each built only while it is open.

import { formatPercent } from '../shared/format.js';
import { createGate } from '../shared/schedule.js';
import { sortable } from '../shared/sorttable.js';
import { factsOf, labelWords, latentName, timesText } from '../steering/columns.js';
import { rowsOnHere } from './onhere.js';
import { SAID } from './sayings.js';

/** The words of all columns, one row a place. */
export function saidColumns(columns) {
  const present = SAID.filter((name) => columns[name]);
  const n = Math.max(0, ...present.map((name) => columns[name].words.length));
  return [
    { id: 'place', title: 'Place', values: Float64Array.from({ length: n }, (_, i) => i), isName: true, show: (i) => String(i + 1) },
    ...present.flatMap((name) => [
      { id: name, title: name, values: Array.from({ length: n }, (_, i) => columns[name].words[i]?.t.trim() ?? ''), show: String },
      { id: `${name}P`, title: 'probability', values: Float64Array.from({ length: n }, (_, i) => columns[name].words[i]?.p ?? NaN), show: formatPercent },
    ]),
  ];
}

function activeTwin(scene) {
  const rows = rowsOnHere(scene);
  const { columns } = scene.assets;
  return [
    { id: 'latent', title: 'Latent', values: Float64Array.from(rows, (_, i) => i), isName: true, show: (i) => `${latentName(rows[i].latent)}: ${labelWords(factsOf(columns, rows[i].latent))}` },
    { id: 'ratio', title: '× typical', values: Float64Array.from(rows, ({ ratio }) => ratio), show: timesText },
    { id: 'act', title: 'Activation', values: Float64Array.from(rows, ({ act }) => act), show: (value) => value.toPrecision(4) },
    { id: 'count', title: 'Tokens', values: Float64Array.from(rows, ({ count }) => count), show: String },
  ];
}

/** View of the tables. */
export function createTalkTwins({ parts, getScene }) {
  const tables = [
    { part: 'active', initial: 'ratio', caption: 'The latents that are on at what is selected.', columns: activeTwin, needs: ({ versions, state }) => [versions.acts, versions.columns, state.tokens] },
    { part: 'said', initial: 'place', caption: 'What was said in each column, word by word.', columns: (scene) => saidColumns(scene.columns), needs: ({ versions }) => [versions.talk] },
  ].map((table) => ({ ...table, gate: createGate() }));
  function render() {
    const scene = getScene();
    if (!scene?.assets.all) return;
    for (const { part, initial, caption, columns, needs, gate } of tables)
      if (parts[`${part}Twin`].open && gate.opens(needs(scene).join('|'))) sortable(parts[`${part}Table`], { columns: columns(scene), caption, initial });
  }
  for (const { part } of tables) parts[`${part}Twin`].addEventListener('toggle', render);
  return { render, forget: () => tables.forEach(({ gate }) => gate.reset()) };
}
