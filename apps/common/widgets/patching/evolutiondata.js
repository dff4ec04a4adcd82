// The evolution of the answer as lines to draw, and in words: the chosen classes through the residual stream.

import { layerWords } from '../shared/lensdata.js';
import { formatLogit } from '../shared/format.js';
import { answerWords } from './words.js';

export const SIDES = ['clean', 'corrupt'];

/** A rank (0 is best) as a height: one step down for every factor of ten. */
export function rankHeight(rank) {
  return Number.isFinite(rank) ? -Math.log10(rank + 1) : NaN;
}

/** A height back as a place, counted from 1. */
export function heightPlace(height) {
  return Math.round(10 ** -height);
}

/** The classes of an evolution in the order of its columns. */
export function evolutionClasses(run) {
  return [run.a, run.b, run.control].filter(Boolean);
}

function column(rows, c, show) {
  return rows.map((row) => show(row[c] ?? NaN));
}

/** Series {values, color, dash?, emoji?} for a chart: the clean picture drawn through, the corrupt one dashed. */
export function evolutionSeries(run, plot, theme) {
  const { evolution } = run;
  const dashOf = (side) => (side === 'corrupt' ? { dash: [5, 4], width: 1.75 } : {});
  if (plot === 'difference') {
    return SIDES.map((side) => ({ values: evolution[side].logit.map(([a, b]) => a - b), color: theme.fg, ...dashOf(side) }));
  }
  const colors = [theme.one, theme.two, theme.muted];
  const show = plot === 'rank' ? rankHeight : (v) => v;
  return SIDES.flatMap((side) => evolutionClasses(run).map((named, c) => ({ values: column(evolution[side][plot], c, show), color: colors[c],
    emoji: side === 'clean' ? named.emoji : null, ...dashOf(side) })));
}

/** Index of the first point from which the first class stays ahead of the second; null where it never does. */
export function stayAhead(rows) {
  let from = null;
  rows.forEach(([a, b], i) => {
    if (a > b) from ??= i;
    else from = null;
  });
  return from;
}

function leadWords(run, side, whom) {
  const { labels } = run.evolution;
  const from = stayAhead(run.evolution[side].logit);
  if (from === null) return `never stays ahead${whom}`;
  return from === 0 ? `is ahead${whom} from the start` : `gets ahead${whom} for good ${layerWords(labels[from], labels)}`;
}

/** The sentence of the plot: when the first class gets ahead, in both pictures. */
export function evolutionSentence(run, tokenWords) {
  return `Read out at ${tokenWords}, ${answerWords(run.a)} ${leadWords(run, 'clean', ` of ${answerWords(run.b)}`)} on the clean picture; `
    + `on the corrupt one it ${leadWords(run, 'corrupt', '')}.`;
}

/** The numbers of one point in words. */
export function pointWords(run, point, plot) {
  const { labels } = run.evolution;
  const tell = (side) => {
    const row = run.evolution[side][plot === 'rank' ? 'rank' : 'logit'][point];
    if (plot === 'difference') return formatLogit(row[0] - row[1]);
    return evolutionClasses(run).map((named, c) => `${named.emoji ?? named.name} ${plot === 'rank' ? row[c] + 1 : formatLogit(row[c])}`).join('  ');
  };
  const where = layerWords(labels[point], labels);
  return `${where.charAt(0).toUpperCase()}${where.slice(1)}: clean ${tell('clean')}; corrupt ${tell('corrupt')}`;
}
