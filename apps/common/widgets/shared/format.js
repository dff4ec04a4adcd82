// Numbers as a visitor reads them, always with a true minus sign and a stable width.

/** A logit with two decimals: "12.34", "−0.50". */
export function formatLogit(value) {
  if (!Number.isFinite(value)) return '–';
  return value.toFixed(2).replace(/^-0\.00$/, '0.00').replace('-', '−');
}

/** A probability in per cent: "97.1 %", "0.03 %", "< 0.01 %". */
export function formatPercent(p) {
  if (!Number.isFinite(p)) return '–';
  const percent = 100 * p;
  if (percent > 0 && percent < 0.01) return '< 0.01 %';
  return `${percent.toFixed(percent < 1 ? 2 : 1)} %`;
}

/** A probability where room is short: "97", "0.3", "<.1" (per cent). */
export function formatPercentShort(p) {
  const percent = 100 * p;
  if (percent < 0.1) return '<.1';
  return percent.toFixed(percent < 1 ? 1 : 0);
}

/** A signed difference of logits: "+2.31", "−0.40". */
export function formatMargin(value) {
  if (!Number.isFinite(value)) return '–';
  return (value > 0 ? '+' : '') + formatLogit(value);
}

/** A rank counted from 0 as people count: "1st of 1000". */
export function formatRank(rank, total) {
  const n = rank + 1;
  const tens = n % 100;
  const ending = tens > 10 && tens < 14 ? 'th' : (['th', 'st', 'nd', 'rd'][n % 10] ?? 'th');
  return `${n}${ending} of ${total}`;
}
