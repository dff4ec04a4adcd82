// One token's part in a head: what it reads and who reads it, with the ranges that their colours span.

import { READ_BY, READS } from '../shared/hues.js';
import { formatAmount } from './amounts.js';
import { colorRange, columnOf, extremes, rowOf, stepAt } from './unit.js';

const EXACT_NAMES = { pattern: 'pattern', log_pattern: 'pattern', scores: 'scores', value: 'value', log_value: 'value' };
const SHARE_FLOOR = 1e-6;

const BEYOND = 3; // a token that reads itself this much more than any other is left out of the range of its ink
const FROM_ZERO = ['pattern', 'value'];

function rangeOf(values, kind, token) {
  const all = extremes(values);
  if (!FROM_ZERO.includes(kind) || values[token] !== all[1]) return { ends: all, isBeyond: false };
  const others = extremes(values.filter((_, other) => other !== token));
  const isBeyond = others[1] > 0 && all[1] > BEYOND * others[1];
  return { ends: isBeyond ? others : all, isBeyond };
}

function side(values, stepOf, { unit, kind, byRow, token }, ink) {
  const { ends, isBeyond } = byRow ? rangeOf(values, kind, token) : { ends: [unit.low, unit.high], isBeyond: false };
  return { values, stepOf, ink, range: colorRange(kind, ...ends), isBeyond };
}

function exactSide(exact, kind, direction, unit, token) {
  const isHidden = unit.hidden && ((other) => (direction === 'Row' ? unit.hidden(token, other) : unit.hidden(other, token)));
  const values = exact[`${EXACT_NAMES[kind]}${direction}`].map((v, other) => (isHidden?.(other) ? NaN : v));
  if (!kind.startsWith('log_')) return values;
  return values.map((v) => (Number.isNaN(v) ? v : Math.max(Math.log10(Math.max(v, kind === 'log_pattern' ? SHARE_FLOOR : 0)), unit.low)));
}

/**
 * What `token` reads and who reads it: {token, reads, readBy}, the last two {values, stepOf, range, ink}.
 *
 * With `byRow` each spans its own range (`isBeyond`: without the token itself, which reads itself far more than any other
 * token), else that of the whole matrix; stepOf(other) is how far its value may be off.
 * Where the `exact` numbers of the token are known they are used instead of the matrix's bytes.
 */
export function readingOf(unit, kind, token, byRow, exact = null) {
  const what = { unit, kind, byRow, token };
  if (exact && EXACT_NAMES[kind]) {
    const [row, column] = ['Row', 'Column'].map((direction) => exactSide(exact, kind, direction, unit, token));
    const none = () => 0;
    return { token, reads: side(row, none, what, READS), readBy: side(column, none, what, READ_BY) };
  }
  return {
    token,
    reads: side(rowOf(unit, token), () => stepAt(unit, token), what, READS),
    readBy: side(columnOf(unit, token), (query) => stepAt(unit, query), what, READ_BY),
  };
}

/** What the locked token of a pane reads of another one, and that one of it, in words; null where the exact numbers are not known. */
export function exactPair({ exact, kind, token, unit }, other) {
  if (!exact || !EXACT_NAMES[kind]) return null;
  const at = (direction) => formatAmount(kind, exactSide(exact, kind, direction, unit, token)[other]);
  return { reads: at('Row'), readBy: at('Column') };
}

/** What of a reading is painted: {reads, readBy}, either null where the choice leaves it out. */
export function paintedSides(reading, paint) {
  return { reads: paint === 'to' ? null : reading.reads, readBy: paint === 'from' ? null : reading.readBy };
}
