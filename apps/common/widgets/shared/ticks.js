// Round numbers for axes.

/** Round steps between low and high: about `wanted` numbers that people like. */
export function niceTicks(low, high, wanted = 4) {
  const span = Math.max(1e-9, high - low);
  const power = 10 ** Math.floor(Math.log10(span / wanted));
  const step = [1, 2, 2.5, 5, 10].map((m) => m * power).find((s) => span / s <= wanted) ?? 10 * power;
  const ticks = [];
  for (let i = Math.ceil(low / step - 1e-9); i * step <= high + step * 1e-9; i++) ticks.push(i * step + 0);
  return ticks;
}
