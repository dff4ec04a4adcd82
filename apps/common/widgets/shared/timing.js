// How long redraws take in this browser, everything included: drawing, panels, style and layout.

/** Median and 95th percentile of times in milliseconds. */
export function medianOf(times) {
  const sorted = [...times].sort((a, b) => a - b);
  return { median_ms: sorted[sorted.length >> 1], p95_ms: sorted[Math.floor(sorted.length * 0.95)] };
}

/**
 * A stopwatch (work) → milliseconds.
 *
 * Each canvas is copied into one pixel that is read back, so that drawing which the browser put off is counted too.
 */
export function redrawTimer(canvases) {
  const probe = Object.assign(document.createElement('canvas'), { width: 1, height: 1 });
  const reader = probe.getContext('2d', { willReadFrequently: true });
  return (work) => {
    const start = performance.now();
    work();
    for (const canvas of canvases) reader.drawImage(canvas, 0, 0, 1, 1);
    reader.getImageData(0, 0, 1, 1);
    canvases[0].getBoundingClientRect();
    return performance.now() - start;
  };
}
