// How long one redraw of the lens takes: a scrub through the layers, and a hover over the patches.

import { medianOf, redrawTimer } from '../shared/timing.js';

/** Milliseconds of a layer scrub and of a hover: {scrub, hover} with median_ms and p95_ms, and the grid. */
export function measureRedraws({ dispatch, render, getState, shape, canvas, rounds = 200 }) {
  const timer = redrawTimer([canvas]);
  const before = getState();
  const time = (action) => timer(() => {
    dispatch(action);
    render();
  });
  dispatch({ type: 'clear' });
  const warmUp = () => Array.from({ length: shape.nLayers }, (_, layer) => time({ type: 'layer', layer }));
  warmUp();
  const scrub = Array.from({ length: rounds }, (_, i) => time({ type: 'layer', layer: i % shape.nLayers }));
  const hover = Array.from({ length: rounds }, (_, i) => time({ type: 'hover', token: (i * 7) % shape.nTokens }));
  dispatch({ type: 'layer', layer: before.layer });
  dispatch({ type: 'hover', token: before.hover });
  return { scrub: medianOf(scrub), hover: medianOf(hover), rounds, grid: [shape.rows, shape.cols] };
}
