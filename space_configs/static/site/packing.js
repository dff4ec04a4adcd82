// Attention matrices → the bytes that the widget reads: one byte a cell, with its row's own scale.

const STEPS = 65535;
const CODES = 255;

function endsOf(values) {
  let [low, high] = [Infinity, -Infinity];
  for (const value of values) {
    if (value < low) low = value;
    if (value > high) high = value;
  }
  return [low, high];
}

function encode(values, low, high, codes) {
  const scale = CODES / (high > low ? high - low : 1);
  for (let i = 0; i < values.length; i++) codes[i] = Math.max(0, Math.min(CODES, Math.floor((values[i] - low) * scale + 0.5)));
}

/** Whole matrices: float32 low[U], high[U]; uint16 row_low[U][T], row_high[U][T]; uint8 code[U][T][T]. */
export function packMaps(units, nTokens) {
  const n = units.length * nTokens;
  const buffer = new ArrayBuffer(8 * units.length + 4 * n + n * nTokens);
  const ends = new Float32Array(buffer, 0, 2 * units.length);
  const rows = new Uint16Array(buffer, 8 * units.length, 2 * n);
  const codes = new Uint8Array(buffer, 8 * units.length + 4 * n);
  units.forEach((unit, u) => {
    const [low, high] = endsOf(unit);
    [ends[u], ends[units.length + u]] = [low, high];
    const span = high - low;
    const step = STEPS / (span > 0 ? span : 1);
    const kept = (code) => Math.max(0, Math.min(STEPS, code));
    for (let query = 0; query < nTokens; query++) {
      const row = unit.subarray(query * nTokens, (query + 1) * nTokens);
      const [rowLow, rowHigh] = endsOf(row);
      // Outwards, so that the coarser ends still hold the whole row.
      const [from, to] = [kept(Math.floor((rowLow - low) * step)), kept(Math.ceil((rowHigh - low) * step))];
      const at = u * nTokens + query;
      [rows[at], rows[n + at]] = [from, to];
      encode(row, low + (span * from) / STEPS, low + (span * to) / STEPS, codes.subarray(at * nTokens, (at + 1) * nTokens));
    }
  });
  return buffer;
}

/** One token in every unit: float32 row_low[U], row_high[U], column_low[U], column_high[U]; uint8 row[U][T], column[U][T]. */
export function packToken(rows, columns, nTokens) {
  const n = rows.length;
  const buffer = new ArrayBuffer(n * (16 + 2 * nTokens));
  [rows, columns].forEach((part, side) => part.forEach((values, u) => {
    const [low, high] = endsOf(values);
    const ends = new Float32Array(buffer, 8 * side * n, 2 * n);
    [ends[u], ends[n + u]] = [low, high];
    encode(values, low, high, new Uint8Array(buffer, 16 * n + (side * n + u) * nTokens, nTokens));
  }));
  return buffer;
}
