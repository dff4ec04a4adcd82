// What the views draw: the state together with what is known of each run, and the one sentence that tells it.

import { tokenName } from '../shared/geometry.js';
import { layerWords } from '../shared/lensdata.js';
import { className } from '../shared/vocabulary.js';
import { formatAmount } from './amounts.js';
import { shareRanges } from './common.js';
import { compareNote, placeIn } from './grids.js';
import { lensPoint } from './picture.js';
import { readingOf } from './reading.js';
import { headShort, unitWords } from './run.js';
import { paintedToken } from './state.js';
import { stepAt, strongestOf, valueAt } from './unit.js';
import { cellSentence, headSentence, tokenSentence } from './words.js';

const TOLD = 3;
const KIND_WORDS = { pattern: 'pattern', scores: 'scores', rank: 'rank difference', value: 'value-weighted' };

function titleOf(run, other, index) {
  const name = [run.title, run.picture].filter(Boolean).join(' · ');
  if (!other) return name;
  if (index && run.why === 'causal') return `Second: causal from layer ${run.causal_from} on`;
  return `${index ? 'Second' : 'First'}: ${name}`;
}

function matrixTitleOf({ head, kind }, { scale }) {
  const place = head.unit === 'rollout' ? `rollout to L${head.layer}` : Number.isInteger(head.unit) ? headShort(head.layer, head.unit) : `L${head.layer} mean`;
  return `${place}: ${KIND_WORDS[kind.replace('log_', '')]}${scale === 'log' && kind.startsWith('log_') ? ', log10' : ''}`;
}

function lensWords({ run, head, lensProblem, lens, vocabulary }) {
  if (lensProblem) return lensProblem;
  if (!lens || !vocabulary) return 'Loading…';
  const { labels } = run.lens;
  return `The class that each patch would name ${layerWords(labels[lensPoint(labels, head.layer)], labels)}.`;
}

// The thumbnail of a head stands in for its matrix until that has come.
function previewOf({ unit, run, head }, wall, index) {
  if (unit || index || !wall.thumbs || !Number.isInteger(head.unit)) return null;
  return { thumbs: wall.thumbs, index: head.layer * run.n_heads + head.unit };
}

/** Keeps the last reading of each run, so that moving over one patch computes it once. */
function createReadings() {
  const kept = [];
  return (i, pane, token, byRow) => {
    if (!pane.unit || token === null) return null;
    const known = kept[i];
    const exact = token === pane.token ? pane.exact : null;
    const now = { unit: pane.unit, kind: pane.kind, token, byRow, exact };
    if (known && Object.keys(now).every((name) => known[name] === now[name])) return known.reading;
    kept[i] = { ...now, reading: readingOf(pane.unit, pane.kind, token, byRow, exact) };
    return kept[i].reading;
  };
}

/** A function (state, data, more) → scene. */
export function createSceneMaker() {
  const readingFor = createReadings();
  return (state, data, more) => {
    const first = data.pane(0);
    if (!first) return null;
    const panes = [first, data.pane(1)];
    const wall = data.wall();
    const { types, isWaiting, problem } = data.types();
    panes.forEach((pane, i) => {
      if (!pane) return;
      const there = (token) => (i ? placeIn(first.shape, pane.shape, token) : token);
      pane.hover = there(state.hover);
      pane.cell = state.cell && there(state.cell.query) !== null && there(state.cell.key) !== null
        ? { query: there(state.cell.query), key: there(state.cell.key) } : null;
      pane.reading = readingFor(i, pane, there(paintedToken(state)), state.norm === 'row');
      pane.unitKey = `${pane.head.layer}|${pane.head.unit}|${pane.kind}|${pane.unit ? 1 : 0}|${pane.exact ? 1 : 0}`;
      pane.preview = previewOf(pane, wall, i);
      pane.title = titleOf(pane.run, panes[1], i);
      pane.matrixTitle = `${panes[1] ? `${i ? 'Second' : 'First'}: ` : ''}${matrixTitleOf(pane, state)}`;
      pane.lensWords = pane.run.lens ? lensWords(pane) : null;
    });
    shareRanges(panes);
    if (panes[1]) {
      const both = panes.map((pane) => `${pane.unitKey}|${pane.shape.nTokens}`).join('+');
      panes.forEach((pane) => (pane.unitKey = `${pane.unitKey}|${both}`));
    }
    const note = panes[1] ? compareNote(first.shape, panes[1].shape, first.head, panes[1].head) : null;
    return { ...more, state, panes, wall, types, typesWaiting: isWaiting, typesProblem: problem, compareNote: note };
  };
}

/** The one sentence that says what is seen. */
export function captionOf({ state, panes: [pane] }, typeNames) {
  const { shape, head, kind, unit, cell, reading } = pane;
  if (!unit) return `${unitWords(head).replace(/^./, (c) => c.toUpperCase())} ${pane.problem ? 'cannot be shown.' : 'is loading…'}`;
  if (cell) {
    const value = valueAt(unit, cell.query, cell.key);
    return cellSentence({ shape, head, kind, ...cell, value, step: stepAt(unit, cell.query) });
  }
  if (!reading) return headSentence({ head, kind, types: typeNames });
  if (state.paint === 'lens' && pane.lens && pane.vocabulary) return lensSentence(pane, reading.token);
  const best = (side) => strongestOf(kind, side, state.paint === 'both' ? 2 : TOLD);
  return tokenSentence({ shape, head, kind, token: reading.token,
    reads: state.paint === 'to' ? null : best(reading.reads), readBy: state.paint === 'from' ? null : best(reading.readBy) });
}

function lensSentence({ shape, run, lens, vocabulary, head }, token) {
  const { labels } = run.lens;
  const point = lensPoint(labels, head.layer);
  const cell = point * lens.nTokens + token;
  const name = className(vocabulary, lens.classes[cell * lens.k]);
  const sure = formatAmount('pattern', Math.exp(lens.logprob1[cell]));
  const who = tokenName(shape, token);
  return `${who.charAt(0).toUpperCase()}${who.slice(1)} would answer “${name}” (${sure}) ${layerWords(labels[point], labels)}.`;
}
