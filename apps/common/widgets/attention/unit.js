// One token × token matrix with its scale: the values of a cell, a row, a column, and the range that colours span.

/**
 * Unit `index` of a decoded chunk; `hidden(query, key)` tells the cells that a mask hides, whose value is NaN.
 *
 * A cell is lo + (hi − lo) · code / 255 between the ends of its row: at most 1/255 of the row's range from the exact value.
 */
export function unitOf(chunk, index, hidden = null) {
  const { nTokens } = chunk;
  const [low, high] = [chunk.low[index], chunk.high[index]];
  const ends = (codes) => Float32Array.from(codes.subarray(index * nTokens, (index + 1) * nTokens), (code) => low + ((high - low) * code) / 65535);
  return {
    nTokens, low, high, hidden,
    rowLow: ends(chunk.rowLow),
    rowHigh: ends(chunk.rowHigh),
    codes: chunk.codes.subarray(index * nTokens ** 2, (index + 1) * nTokens ** 2),
  };
}

/** Value of one cell; NaN where it is hidden. */
export function valueAt(unit, query, key) {
  if (unit.hidden?.(query, key)) return NaN;
  const [low, high] = [unit.rowLow[query], unit.rowHigh[query]];
  return low + ((high - low) * unit.codes[query * unit.nTokens + key]) / 255;
}

/** How far a value of this row can be from the exact one. */
export function stepAt(unit, query) {
  return (unit.rowHigh[query] - unit.rowLow[query]) / 255;
}

/** What one token reads: a value for each key. */
export function rowOf(unit, query) {
  return Float32Array.from({ length: unit.nTokens }, (_, key) => valueAt(unit, query, key));
}

/** Who reads one token: a value for each query. */
export function columnOf(unit, key) {
  return Float32Array.from({ length: unit.nTokens }, (_, query) => valueAt(unit, query, key));
}

/**
 * The range that colours span, [low, high].
 *
 * Shares and lengths start at 0, differences lie evenly around 0, scores and logarithms fill their own range.
 */
export function colorRange(kind, low, high) {
  if (kind === 'rank') {
    const most = Math.max(Math.abs(low), Math.abs(high));
    return [-most, most];
  }
  return [kind === 'pattern' || kind === 'value' ? 0 : low, high];
}

/** Lowest and highest of some values; hidden ones do not count, [0, 0] where there are none. */
export function extremes(values) {
  let [low, high] = [Infinity, -Infinity];
  for (const v of values) {
    if (v < low) low = v;
    if (v > high) high = v;
  }
  return low <= high ? [low, high] : [0, 0];
}

/** Where a value lies in a range: 0 at its low end, 1 at its high end; 0 for NaN and in an empty range. */
export function shareOf(value, [low, high]) {
  return value > low && high > low ? Math.min(1, (value - low) / (high - low)) : 0;
}

/** How strongly a value is painted, −1 to 1: its place in the range, or where 0 is in the middle its part of the end. */
export function strengthOf(kind, value, range) {
  if (kind !== 'rank') return shareOf(value, range);
  return range[1] > 0 && Number.isFinite(value) ? Math.max(-1, Math.min(1, value / range[1])) : 0;
}

/** The k strongest of one side of a reading, [{token, value, step}], strongest first. */
export function strongestOf(kind, side, k) {
  return strongest(kind, side.values, k).map((item) => ({ ...item, step: side.stepOf(item.token) }));
}

/** The k strongest of some values, [{token, value}], strongest first; of differences the largest either way. */
export function strongest(kind, values, k) {
  const rank = kind === 'rank' ? Math.abs : (v) => v;
  const best = [];
  for (let token = 0; token < values.length; token++) {
    const value = values[token];
    if (Number.isNaN(value) || (best.length === k && rank(value) <= rank(best[k - 1].value))) continue;
    let at = best.length;
    while (at > 0 && rank(value) > rank(best[at - 1].value)) at -= 1;
    best.splice(at, 0, { token, value });
    if (best.length > k) best.pop();
  }
  return best;
}
