// What the model had learned at a step, in words.

/** The row of a step, or of the nearest one: {step, loss, accuracy, heldLoss, heldAccuracy}; null without rows. */
export function rowAt(rows, step) {
  if (!rows.length) return null;
  const [at, loss, accuracy, heldLoss, heldAccuracy] = rows.reduce((a, b) => (Math.abs(b[0] - step) < Math.abs(a[0] - step) ? b : a));
  return { step: at, loss, accuracy, heldLoss, heldAccuracy };
}

/** A share as people say it: "41 %", and with more digits where it is nearly all or nothing: "99.7 %". */
export function sharePercent(share) {
  if (!Number.isFinite(share)) return '–';
  const percent = 100 * share;
  const isClose = (percent > 99 && percent < 100) || (percent > 0 && percent < 1);
  return `${percent.toFixed(isClose ? (percent > 99.9 || percent < 0.1 ? 2 : 1) : 0)} %`;
}

/** A loss in nats: two decimals, and two digits where it is small. */
export function lossText(loss) {
  if (!Number.isFinite(loss)) return '–';
  if (loss >= 0.1 || loss === 0) return loss.toFixed(2);
  return loss < 1e-5 ? '< 0.00001' : String(Number(loss.toPrecision(2)));
}

/** One stop in a line, and what is read out for it. */
export function stopLine(rows, step) {
  const row = rowAt(rows, step);
  const name = `step ${step}`;
  if (!row) return name;
  return `${name} · ${sharePercent(row.heldAccuracy)} right on held-out pictures · loss ${lossText(row.heldLoss)} nats`;
}
