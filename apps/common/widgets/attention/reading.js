// One token's part in a head: what it reads and who reads it, with the ranges that their colours span.

import { READ_BY, READS } from './hues.js';
import { colorRange, columnOf, extremes, rowOf, stepAt } from './unit.js';

const EXACT_NAMES = { pattern: 'pattern', log_pattern: 'pattern', scores: 'scores', value: 'value', log_value: 'value' };
const SHARE_FLOOR = 1e-6;

function side(values, stepOf, unit, kind, byRow, ink) {
  const [low, high] = byRow ? extremes(values) : [unit.low, unit.high];
  return { values, stepOf, ink, range: colorRange(kind, low, high) };
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
 * With `byRow` each spans its own range, else that of the whole matrix; stepOf(other) is how far its value may be off.
 * Where the `exact` numbers of the token are known they are used instead of the matrix's bytes.
 */
export function readingOf(unit, kind, token, byRow, exact = null) {
  if (exact && EXACT_NAMES[kind]) {
    const [row, column] = ['Row', 'Column'].map((direction) => exactSide(exact, kind, direction, unit, token));
    const none = () => 0;
    return { token, reads: side(row, none, unit, kind, byRow, READS), readBy: side(column, none, unit, kind, byRow, READ_BY) };
  }
  return {
    token,
    reads: side(rowOf(unit, token), () => stepAt(unit, token), unit, kind, byRow, READS),
    readBy: side(columnOf(unit, token), (query) => stepAt(unit, query), unit, kind, byRow, READ_BY),
  };
}

/** What of a reading is painted: {reads, readBy}, either null where the choice leaves it out. */
export function paintedSides(reading, paint) {
  return { reads: paint === 'to' ? null : reading.reads, readBy: paint === 'from' ? null : reading.readBy };
}
