// How long one redraw takes in this browser, everything included: drawing, the panel, style and layout.

function medianOf(times) {
  const sorted = [...times].sort((a, b) => a - b);
  return { median_ms: sorted[sorted.length >> 1], p95_ms: sorted[Math.floor(sorted.length * 0.95)] };
}

/**
 * Milliseconds of a layer scrub and of a hover: {scrub, hover} with median_ms and p95_ms, and the grid.
 *
 * The canvas is copied into one pixel that is read back, so that drawing which the browser put off is counted too.
 */
export function measureRedraws({ dispatch, render, getState, shape, canvas, rounds = 200 }) {
  const probe = Object.assign(document.createElement('canvas'), { width: 1, height: 1 });
  const reader = probe.getContext('2d', { willReadFrequently: true });
  const before = getState();
  const time = (action) => {
    const start = performance.now();
    dispatch(action);
    render();
    reader.drawImage(canvas, 0, 0, 1, 1);
    reader.getImageData(0, 0, 1, 1);
    canvas.getBoundingClientRect();
    return performance.now() - start;
  };
  dispatch({ type: 'clear' });
  const warmUp = () => Array.from({ length: shape.nLayers }, (_, layer) => time({ type: 'layer', layer }));
  warmUp();
  const scrub = Array.from({ length: rounds }, (_, i) => time({ type: 'layer', layer: i % shape.nLayers }));
  const hover = Array.from({ length: rounds }, (_, i) => time({ type: 'hover', token: (i * 7) % shape.nTokens }));
  dispatch({ type: 'layer', layer: before.layer });
  dispatch({ type: 'hover', token: before.hover });
  return { scrub: medianOf(scrub), hover: medianOf(hover), rounds, grid: [shape.rows, shape.cols] };
}
