// The line between the two runs: the corrupt one on the left, the clean one on the right, and what a patch makes of it.

const LINE_PAD = 0.05;

/**
 * Places on the line, in per cent of its width: {corrupt, clean, tie, at(metric)}; `tie` is where both classes are level, null where
 * that is not on the line.
 */
export function lineScale({ corrupt, clean, others = [] }) {
  const known = [corrupt, clean, ...others].filter(Number.isFinite);
  let [low, high] = [Math.min(...known), Math.max(...known)];
  const pad = Math.max(1e-6, LINE_PAD * (high - low));
  [low, high] = [low - pad, high + pad];
  const isTurned = clean < corrupt;
  const at = (metric) => {
    const share = (metric - low) / (high - low);
    return 100 * Math.max(0, Math.min(1, isTurned ? 1 - share : share));
  };
  return { corrupt: at(corrupt), clean: at(clean), tie: low < 0 && high > 0 ? at(0) : null, at };
}
