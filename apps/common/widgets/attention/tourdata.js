// Which files the present state needs, and what is known of each run now.

import { debounce } from '../shared/schedule.js';
import { placeIn } from './grids.js';
import {
  exactRequest, imageRequest, lensRequest, mapsRequest, metricsRequest, tokenRequest, typesRequest, vocabularyRequest, wallRequest,
} from './requests.js';
import { fileKind, fitHead, hasFile, hiddenCells, runShape } from './run.js';
import { shownHead } from './state.js';
import { createStore } from './store.js';
import { unitOf } from './unit.js';

const SWEEP_MS = 70; // a pointer that sweeps over the wall does not ask for every layer that it crosses
const AHEAD_MS = 250;

/** Layers beside this one, those in the direction of a walk through the model first. */
function neighbours(run, head) {
  return [head.layer + 1, head.layer - 1].filter((layer) => layer >= 0 && layer < run.n_layers).map((layer) => ({ ...head, layer }));
}

/** Keeps the files of a value; `changed()` is called when something arrived or failed. */
export function createTourData({ changed }) {
  const store = createStore({ changed: () => {
    changed();
    aheadLater();
  } });
  const aheadLater = debounce(prefetch, AHEAD_MS);
  const sweepLater = debounce(() => wantMaps(), SWEEP_MS);
  const units = new WeakMap();
  let [value, state] = [null, null];

  const runs = () => (value?.runs ?? []).filter(Boolean);
  const isLens = (run) => Boolean(run.lens) && hasFile(run, 'lens');
  const shapeA = () => runShape(runs()[0]);

  function tokenFor(run, token) {
    return run === runs()[0] ? token : placeIn(shapeA(), runShape(run), token);
  }
  function wantMaps() {
    runs().forEach((run, i) => store.want(`maps${i}`, mapsRequest(run, state, fitHead(run, shownHead(state)))));
  }
  function wantRun(run, i) {
    const head = fitHead(run, shownHead(state));
    const token = tokenFor(run, state.token);
    store.want(`image${i}`, imageRequest(run));
    store.want(`metrics${i}`, run.metrics?.length && hasFile(run, 'metrics') ? metricsRequest(run) : null);
    store.want(`lens${i}`, isLens(run) && state.paint === 'lens' ? lensRequest(run) : null);
    store.want(`vocabulary${i}`, isLens(run) && state.paint === 'lens' ? vocabularyRequest(run) : null);
    store.want(`exact${i}`, token === null ? null : exactRequest(run, head, token));
  }
  function wantWall(run) {
    store.want('wall', hasFile(run, `wall/${fileKind(state.kind, state.scale)}`) ? wallRequest(run, state) : null);
    store.want('token', state.thumbs === 'matrix' ? null : tokenRequest(run, state, wallToken()));
  }
  /** The token that the wall shows in every head: the locked one, else the first. */
  function wallToken() {
    return state.token ?? 0;
  }
  /** Fetch what is missing for a value and a state. */
  function follow(nextValue, nextState) {
    [value, state] = [nextValue, nextState];
    const [first] = runs();
    if (!first) return store.stop();
    const isSweep = state.peek && runs().some((run) => !store.has(mapsRequest(run, state, fitHead(run, shownHead(state)))));
    sweepLater.cancel();
    if (isSweep) sweepLater();
    else wantMaps();
    [0, 1].forEach((i) => runs()[i] || ['maps', 'image', 'metrics', 'lens', 'vocabulary', 'exact'].forEach((slot) => store.want(`${slot}${i}`, null)));
    runs().forEach(wantRun);
    wantWall(first);
    store.want('types', value.urls?.types ? typesRequest(value.urls.types) : null);
    store.want('ahead', null);
    return aheadLater();
  }
  function prefetch() {
    if (!state || globalThis.navigator?.connection?.saveData || runs().some((run) => !store.has(mapsRequest(run, state, fitHead(run, shownHead(state)))))) return;
    const next = runs().flatMap((run) => neighbours(run, fitHead(run, shownHead(state))).map((head) => mapsRequest(run, state, head)))
      .find((request) => !store.has(request) && !store.errorOf(request));
    if (next) store.want('ahead', next);
  }
  function unitFrom(chunk, run, head, index) {
    const known = units.get(chunk) ?? units.set(chunk, new Map()).get(chunk);
    if (!known.has(index)) known.set(index, unitOf(chunk, index, hiddenCells(run, head)));
    return known.get(index);
  }
  /** What is known of run i now: {run, shape, head, token, images, unit, thumbs, lens, exact, problem, …}; null where there is none. */
  function pane(i) {
    const run = runs()[i];
    if (!run) return null;
    const head = fitHead(run, shownHead(state));
    const request = mapsRequest(run, state, head);
    const chunk = store.get(request);
    const imageOf = imageRequest(run);
    const token = tokenFor(run, state.token);
    return {
      run, head, chunk, shape: runShape(run), kind: fileKind(state.kind, state.scale), token,
      unit: chunk ? unitFrom(chunk, run, head, Number.isInteger(head.unit) ? head.unit % run.heads_per_chunk : 0) : null,
      images: store.get(imageOf) ?? null,
      metrics: run.metrics?.length ? store.get(metricsRequest(run)) ?? null : null,
      lens: isLens(run) ? store.get(lensRequest(run)) ?? null : null,
      vocabulary: isLens(run) ? store.get(vocabularyRequest(run)) ?? null : null,
      exact: token === null ? null : store.get(exactRequest(run, head, token)) ?? null,
      exactProblem: token === null ? null : store.errorOf(exactRequest(run, head, token)),
      problem: store.errorOf(request) ?? store.errorOf(imageOf),
      lensProblem: isLens(run) ? store.errorOf(lensRequest(run)) ?? store.errorOf(vocabularyRequest(run)) : null,
    };
  }
  /** Thumbnails of the first run: {thumbs, token, tokens, problem}. */
  function wall() {
    const [run] = runs();
    const [all, one] = [wallRequest(run, state), tokenRequest(run, state, wallToken())];
    return { thumbs: store.get(all) ?? null, token: wallToken(), tokens: store.get(one) ?? null,
      problem: state.thumbs === 'matrix' ? store.errorOf(all) : store.errorOf(one) };
  }
  function types() {
    const request = value?.urls?.types ? typesRequest(value.urls.types) : null;
    return { types: store.get(request) ?? null, isWaiting: Boolean(request) && store.isRunning(request), problem: store.errorOf(request) };
  }
  function stop() {
    aheadLater.cancel();
    sweepLater.cancel();
    store.stop();
  }
  return { follow, pane, wall, types, stop };
}
