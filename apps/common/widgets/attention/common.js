// One range of colours for two runs, so that the same colour is the same amount in both.

import { placeIn } from './grids.js';

function unite(a, b) {
  return [Math.min(a[0], b[0]), Math.max(a[1], b[1])];
}

function commonOf(pane, other) {
  const [low, high] = unite([pane.unit.low, pane.unit.high], [other.unit.low, other.unit.high]);
  const ends = ({ unit }, query) => [unit.rowLow[query], unit.rowHigh[query]];
  const rowEnds = (query) => {
    const there = placeIn(pane.shape, other.shape, query);
    return there === null ? ends(pane, query) : unite(ends(pane, query), ends(other, there));
  };
  return { low, high, rowEnds };
}

function withCommonRange(reading, other) {
  const both = (direction) => ({ ...reading[direction], range: unite(reading[direction].range, other[direction].range),
    isBeyond: reading[direction].isBeyond || other[direction].isBeyond });
  return { token: reading.token, reads: both('reads'), readBy: both('readBy') };
}

/** Give two panes common ranges for matrices (`common`) and readings; whatever has not come yet keeps its own. */
export function shareRanges([first, second]) {
  if (!first?.unit || !second?.unit || first.kind !== second.kind) return;
  [first.common, second.common] = [commonOf(first, second), commonOf(second, first)];
  if (!first.reading || !second.reading) return;
  [first.reading, second.reading] = [withCommonRange(first.reading, second.reading), withCommonRange(second.reading, first.reading)];
}
