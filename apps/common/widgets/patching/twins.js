// Text twins of everything that is drawn, each built only while it is open.

import { formatLogit, formatMargin, formatPercent } from '../shared/format.js';
import { tokenName } from '../shared/geometry.js';
import { createGate } from '../shared/schedule.js';
import { sortable } from '../shared/sorttable.js';
import { evolutionClasses, SIDES } from './evolutiondata.js';
import { placeShort, selectorName } from './places.js';
import { chipOfCell } from './sweepdata.js';
import { formatWay } from './words.js';

const range = (n) => Float64Array.from({ length: n }, (_, i) => i);
const logit = (v) => (Number.isFinite(v) ? formatMargin(v) : '–');

/** The map as columns: one row a cell. */
export function sweepColumns(data, shape) {
  const n = data.rows * data.cols;
  const chipAt = (i) => chipOfCell(data, [Math.floor(i / data.cols), i % data.cols]);
  const name = (i) => {
    const chip = chipAt(i);
    return data.colAxis === 'token' ? `${placeShort(chip)}, ${selectorName(shape, chip.token)}` : placeShort(chip);
  };
  const column = (id, title, values, show) => ({ id, title, values, show });
  return [{ id: 'cell', title: 'Part', values: range(n), show: name, isName: true },
    column('denoise', 'Put in: of the way', data.moved.denoise, formatWay), column('denoiseRaw', 'Put in: logits', data.raw.denoise, logit),
    column('noise', 'Taken away: of the way', data.moved.noise, formatWay), column('noiseRaw', 'Taken away: logits', data.raw.noise, logit),
    column('preview', 'Estimate: of the way', data.moved.preview, formatWay),
    column('conflicts', 'Disagree', Float64Array.from(data.conflicts), (v) => (v ? '◆' : ''))];
}

/** All classes among the best ten of the three runs, one row a class; NaN where a run does not have it. */
export function answerColumns(run, applied) {
  const runs = [['corrupt', 'Corrupt', run.corrupt.top], ['patched', 'Patched', applied?.chips.length ? applied.top : null], ['clean', 'Clean', run.clean.top]]
    .filter(([, , top]) => top);
  const named = [...new Map(runs.flatMap(([, , top]) => top.map((answer) => [answer.index, answer]))).values()];
  const pick = (top, field) => Float64Array.from(named, ({ index }) => top.find((answer) => answer.index === index)?.[field] ?? NaN);
  return [{ id: 'class', title: 'Class', values: range(named.length), show: (i) => named[i].name, isName: true },
    ...runs.flatMap(([id, title, top]) => [{ id, title: `${title}: probability`, values: pick(top, 'probability'), show: formatPercent },
      { id: `${id}Logit`, title: `${title}: logit`, values: pick(top, 'logit'), show: formatLogit }])];
}

function evolutionColumns(run) {
  const { evolution } = run;
  const points = range(evolution.labels.length);
  const classes = evolutionClasses(run);
  const of = (side, what, c) => Float64Array.from(evolution[side][what], (row) => row[c] ?? NaN);
  return [{ id: 'point', title: 'Point', values: points, show: (i) => evolution.labels[i], isName: true },
    ...SIDES.flatMap((side) => classes.flatMap(({ name }, c) => [
      { id: `${side}${c}`, title: `${side}: ${name}, logit`, values: of(side, 'logit', c), show: formatLogit },
      { id: `${side}rank${c}`, title: 'place', values: of(side, 'rank', c), show: (v) => (Number.isFinite(v) ? String(v + 1) : '–') }]))];
}

function attributionColumns({ dla: { clean, corrupt } }) {
  const other = new Map(corrupt?.components.map(({ label, value }) => [label, value]));
  return [{ id: 'part', title: 'Part', values: range(clean.components.length), show: (i) => clean.components[i].label, isName: true },
    { id: 'clean', title: 'Clean', values: Float64Array.from(clean.components, ({ value }) => value), show: logit },
    { id: 'corrupt', title: 'Corrupt', values: Float64Array.from(clean.components, ({ label }) => other.get(label) ?? NaN), show: logit }];
}

function readsColumns(reads, shape) {
  const of = (side, what) => Float64Array.from(reads[side][what], (v) => v ?? NaN);
  return [{ id: 'token', title: 'Token', values: range(shape.nTokens), show: (i) => tokenName(shape, i), isName: true },
    ...SIDES.flatMap((side) => [{ id: `${side}Attention`, title: `${side}: attention`, values: of(side, 'attention'), show: formatPercent },
      { id: `${side}Attribution`, title: `${side}: contribution`, values: of(side, 'attribution'), show: logit }])];
}

const TABLES = [
  { part: 'answers', needs: ['run', 'applied'], columns: ({ run, applied }) => answerColumns(run, applied), initial: 'clean',
    caption: 'The best ten classes of each run.' },
  { part: 'sweep', needs: ['run', 'sweep'], columns: ({ data, shape }) => data && sweepColumns(data, shape), initial: 'denoise',
    caption: 'The map: one row a cell. “Put in”: clean into corrupt (denoise); “taken away”: corrupt into clean (noise). '
      + 'Of the way: 0 % unchanged, 100 % as the other picture.' },
  { part: 'evolution', needs: ['run'], columns: ({ run }) => run.evolution && evolutionColumns(run), initial: 'point', caption: 'Logits and places through the layers.' },
  { part: 'attribution', needs: ['run'], columns: ({ run }) => run.dla && attributionColumns(run), initial: 'part',
    caption: 'What every part adds to the difference of the two logits; b_O and b_out are biases.' },
  { part: 'reads', needs: ['run', 'reads'], columns: ({ reads, shape }) => reads && readsColumns(reads, shape), initial: 'cleanAttention',
    caption: 'The head that is shown: attention from CLS, and what it adds to the difference of the two logits by each token.' },
];

/** View of the tables. */
export function createTwins({ parts, getScene, dispatch }) {
  const gates = new Map(TABLES.map(({ part }) => [part, createGate()]));
  function fill({ part, needs, columns, initial, caption }, scene) {
    const twin = parts[`${part}Twin`];
    const built = columns(scene);
    twin.hidden = !built;
    if (!built || !twin.open) return;
    if (!gates.get(part).opens(needs.map((name) => scene.versions[name]).join())) return;
    sortable(parts[`${part}Table`], { columns: built, caption, initial, attributes: (i) => ({ 'data-row': i }) });
  }
  function render() {
    const scene = getScene();
    if (scene) for (const table of TABLES) fill(table, scene);
  }
  for (const { part } of TABLES) parts[`${part}Twin`].addEventListener('toggle', render);
  parts.sweepTable.addEventListener('click', (event) => {
    const row = event.target.closest('tr[data-row]');
    const { data } = getScene() ?? {};
    if (!row || !data || event.target.closest('button')) return;
    const index = Number(row.dataset.row);
    dispatch({ type: 'cell', cell: [Math.floor(index / data.cols), index % data.cols] });
  });
  return { render, forget: () => gates.forEach((gate) => gate.reset()) };
}
