// How long one redraw of the tour takes: a pointer over the patches, and a change of head within its layer.

import { medianOf, redrawTimer } from '../shared/timing.js';

/** Milliseconds of a hover and of a change of head: {hover, head} with median_ms and p95_ms, and how many tokens. */
export function measureTour({ dispatch, render, getState, shape, canvases, rounds = 200 }) {
  const timer = redrawTimer(canvases);
  const before = getState();
  const time = (action) => timer(() => {
    dispatch(action);
    render();
  });
  const hoverAt = (i) => ({ type: 'hover', token: (i * 7) % shape.nTokens });
  const headAt = (i) => ({ type: 'head', head: { layer: before.layer, unit: i % shape.nHeads } });
  dispatch({ type: 'clearToken' });
  for (let i = 0; i < 20; i++) time(hoverAt(i));
  const hover = Array.from({ length: rounds }, (_, i) => time(hoverAt(i)));
  const head = Array.from({ length: rounds }, (_, i) => time(headAt(i)));
  dispatch({ type: 'clearToken' });
  dispatch({ type: 'head', head: before });
  if (before.token !== null) dispatch({ type: 'lockToken', token: before.token });
  return { hover: medianOf(hover), head: medianOf(head), rounds, tokens: shape.nTokens };
}
