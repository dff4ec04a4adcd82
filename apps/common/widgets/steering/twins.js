// Text twins of what is drawn, each built only while it is open.

import { formatLogit, formatMargin, formatPercent } from '../shared/format.js';
import { tokenName } from '../shared/geometry.js';
import { createGate } from '../shared/schedule.js';
import { sortable } from '../shared/sorttable.js';
import { className } from '../shared/vocabulary.js';
import { rowsOfActive } from './activecard.js';
import { heatOf } from './acts.js';
import { COLUMNS } from './answers.js';
import { factsOf, labelWords, latentName, timesText, typicalOf } from './columns.js';
import { patchesOf } from './minilens.js';
import { shownLatent } from './state.js';

const positions = (n) => Float64Array.from({ length: n }, (_, i) => i);
const TITLES = { original: 'Original', reconstruction: 'Reconstruction', steered: 'Steered' };

/** The active latents as columns, one row a latent. */
export function activeColumns(scene) {
  const rows = rowsOfActive(scene);
  const { columns } = scene.assets;
  const of = (name, show, title, value = (row) => row[name]) => ({ id: name, title, show, values: Float64Array.from(rows, value) });
  const frequency = (row) => factsOf(columns, row.latent).frequency ?? NaN;
  return [
    {
      id: 'latent',
      title: 'Latent',
      values: positions(rows.length),
      isName: true,
      show: (i) => `${latentName(rows[i].latent)}: ${labelWords(factsOf(columns, rows[i].latent))}`,
    },
    of('ratio', timesText, '× typical'),
    of('act', (v) => v.toPrecision(4), 'Activation'),
    of('count', String, 'Tokens'),
    of('effect', formatMargin, 'Direct effect (logits)'),
    of('frequency', formatPercent, 'On at, of all tokens', frequency),
  ];
}

function heatColumns({ state, assets, shape }) {
  const latent = shownLatent(state);
  if (latent === null || !assets.acts) return null;
  const heat = Float64Array.from(heatOf(assets.acts, latent));
  const typical = typicalOf(assets.columns, latent);
  return [
    { id: 'token', title: `Token (${latentName(latent)})`, values: positions(shape.nTokens), show: (i) => tokenName(shape, i), isName: true },
    { id: 'act', title: 'Activation', values: heat, show: (v) => (v > 0 ? v.toPrecision(4) : '0') },
    { id: 'ratio', title: '× typical', values: heat.map((v) => v / typical), show: timesText },
  ];
}

/** The best ten classes of each of the three runs, one row a class; NaN where a run does not have it. */
export function steeredColumns(steered) {
  if (!steered) return null;
  const tops = COLUMNS.map((name) => steered.columns[name].top);
  const named = [...new Map(tops.flat().map((answer) => [answer.index, answer])).values()];
  const pick = (top, field) => Float64Array.from(named, ({ index }) => top.find((answer) => answer.index === index)?.[field] ?? NaN);
  return [
    { id: 'class', title: 'Class', values: positions(named.length), show: (i) => named[i].name, isName: true },
    ...COLUMNS.flatMap((name, i) => [
      { id: name, title: `${TITLES[name]}: probability`, values: pick(tops[i], 'probability'), show: formatPercent },
      { id: `${name}Logit`, title: `${TITLES[name]}: logit`, values: pick(tops[i], 'logit'), show: formatLogit },
    ]),
  ];
}

function lensColumns({ steered, shape, assets }) {
  if (!steered?.lens?.classes || !assets.vocabulary) return null;
  const first = patchesOf(steered.lens.classes.original, shape);
  return [
    {
      id: 'patch',
      title: `Patch (lens at ${steered.lens.label})`,
      values: positions(first.length),
      show: (i) => tokenName(shape, i + shape.nPrefix),
      isName: true,
    },
    ...COLUMNS.map((name) => ({
      id: name,
      title: TITLES[name],
      values: patchesOf(steered.lens.classes[name], shape).map((index) => className(assets.vocabulary, index)),
      show: String,
    })),
  ];
}

const TABLES = [
  {
    part: 'active',
    columns: activeColumns,
    initial: 'ratio',
    caption: 'The latents of the list above, all of them.',
    needs: ({ versions, state }) => [versions.acts, versions.columns, versions.effect, state.tokens, state.pool],
  },
  {
    part: 'heat',
    columns: heatColumns,
    initial: 'act',
    caption: 'Where the latent that is shown is on.',
    needs: ({ versions, state }) => [versions.acts, versions.columns, shownLatent(state)],
  },
  {
    part: 'answers',
    columns: ({ steered }) => steeredColumns(steered),
    initial: 'original',
    caption: 'The best ten classes of each run.',
    needs: ({ versions }) => [versions.steered],
  },
  {
    part: 'lens',
    columns: lensColumns,
    initial: 'patch',
    caption: 'What the logit lens reads of each patch in each run.',
    needs: ({ versions }) => [versions.steered, versions.vocabulary],
  },
];

/** View of the tables. */
export function createSteerTwins({ parts, getScene }) {
  const gates = new Map(TABLES.map(({ part }) => [part, createGate()]));
  function fill({ part, columns, initial, caption, needs }, scene) {
    const twin = parts[`${part}Twin`];
    if (!twin.open || !gates.get(part).opens(needs(scene).join('|'))) return;
    const built = columns(scene);
    parts[`${part}Table`].hidden = !built;
    if (built) sortable(parts[`${part}Table`], { columns: built, caption, initial });
  }
  function render() {
    const scene = getScene();
    if (scene?.assets.acts) for (const table of TABLES) fill(table, scene);
  }
  for (const { part } of TABLES) parts[`${part}Twin`].addEventListener('toggle', render);
  return { render, forget: () => gates.forEach((gate) => gate.reset()) };
}
