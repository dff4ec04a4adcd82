// Amounts of attention as a visitor reads them, never with more digits than are known.

function fixed(value, digits) {
  const text = value.toFixed(digits);
  return (Number(text) === 0 ? text.replace('-', '') : text).replace('-', '−');
}

/** How many decimals to write where a value can be off by up to `step`; at most `most`. */
export function decimalsFor(step, most = 2) {
  if (!(step > 0)) return most;
  return Math.max(0, Math.min(most, Math.floor(-Math.log10(step))));
}

/** A share of attention in per cent: "32 %", "4.1 %", "0.03 %", "< 0.01 %". */
export function formatShare(share, step = 0) {
  if (!Number.isFinite(share)) return '–';
  const percent = 100 * share;
  const digits = Math.min(decimalsFor(100 * step), percent >= 9.95 ? 0 : percent >= 0.995 ? 1 : 2);
  const least = 10 ** -digits;
  if (percent > 0 && percent < least / 2) return `< ${fixed(least, digits)} %`;
  return `${fixed(percent, digits)} %`;
}

/** A length with three digits that count: "12.3", "0.0456", "1.2e−7". */
export function formatLength(value, step = 0) {
  if (!Number.isFinite(value)) return '–';
  if (value === 0) return '0';
  if (Math.abs(value) < 1e-3) return step > Math.abs(value) ? '0' : value.toExponential(1).replaceAll('-', '−');
  const digits = Math.max(0, Math.min(5, 2 - Math.floor(Math.log10(Math.abs(value)))));
  return fixed(value, Math.min(digits, decimalsFor(step, 4)));
}

/** An exact number with six digits that count: "12.3457", "0.00184321", "9.80431e−7". */
export function formatExact(value) {
  if (!Number.isFinite(value)) return '–';
  return (value === 0 || Math.abs(value) >= 1e-4 ? value.toPrecision(6) : value.toExponential(5)).replaceAll('-', '−').replace('e+', 'e');
}

/** A difference of ranks in percentage points: "+31", "−4.2". */
export function formatPoints(value, step = 0) {
  if (!Number.isFinite(value)) return '–';
  return (value > 0 ? '+' : '') + fixed(value, Math.abs(value) >= 9.95 ? 0 : decimalsFor(step, 1));
}

/** A value of a kind of file in its unit; `step` is how far it may be off, 0 for exact values; NaN is a hidden cell. */
export function formatAmount(kind, value, step = 0) {
  if (Number.isNaN(value)) return 'hidden';
  if (kind === 'pattern') return formatShare(value, step);
  if (kind === 'log_pattern') return Number.isFinite(value) && value <= -5.99 ? '≤ 0.0001 %' : formatShare(10 ** value);
  if (kind === 'log_value') return formatLength(10 ** value);
  if (kind === 'value') return formatLength(value, step);
  if (kind === 'rank') return formatPoints(value, step);
  return Number.isFinite(value) ? fixed(value, decimalsFor(step)) : '–';
}

function formatPower(value) {
  return value >= -4 ? formatShare(10 ** value) : `${fixed(100 * 10 ** value, 4)} %`;
}

/** The two ends of a colour bar in the unit that the colours really follow. */
export function formatEnd(kind, value) {
  if (kind === 'log_pattern') return value <= -5.99 ? '0.0001 %' : formatPower(value);
  if (kind.startsWith('log_')) return formatLength(10 ** value);
  return kind === 'pattern' && value === 0 ? '0 %' : formatAmount(kind, value);
}

/** The unit that goes with `formatEnd`. */
export function endUnit(kind) {
  return {
    pattern: 'of the attention', log_pattern: 'of the attention, logarithmic', scores: 'score (logits)', rank: 'percentage points',
    value: 'length moved', log_value: 'length moved, logarithmic',
  }[kind];
}

/** A metric in its unit: shares in per cent, everything else with three digits that count. */
export function formatMetric(value, unit) {
  if (!Number.isFinite(value)) return '–';
  return unit === 'share' ? formatShare(value) : formatLength(value);
}
