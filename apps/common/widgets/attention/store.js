// Files of runs, fetched once, kept within a limit of bytes, and never mistaken for one another.
// A file is asked for by what it is, not by when: a late reply can only ever fill its own place.

import { createLru } from '../shared/schedule.js';

const LIMIT_BYTES = 128e6;

/**
 * Keeps what requests {key, load(signal) → {data, bytes}} brought; `changed()` is called when one arrives or fails.
 *
 * Each slot wants one request at a time; a request that no slot wants any more is called off.
 */
export function createStore({ changed, limit = LIMIT_BYTES }) {
  const kept = createLru(limit, (entry) => entry.bytes);
  const running = new Map();
  const failed = new Map();
  const wanted = new Map();

  function callOff() {
    const keys = new Set([...wanted.values()].map((request) => request.key));
    for (const [key, controller] of running) {
      if (keys.has(key)) continue;
      running.delete(key);
      controller.abort();
    }
    for (const key of failed.keys()) if (!keys.has(key)) failed.delete(key);
  }
  async function start(request) {
    const controller = new AbortController();
    const isCurrent = () => running.get(request.key) === controller;
    running.set(request.key, controller);
    try {
      const entry = await request.load(controller.signal);
      if (!isCurrent()) return;
      kept.set(request.key, entry);
    } catch (error) {
      if (!isCurrent()) return;
      failed.set(request.key, error.message);
    }
    running.delete(request.key);
    changed();
  }
  /** Let a slot want this request, or nothing. */
  function want(slot, request) {
    if (request) wanted.set(slot, request);
    else wanted.delete(slot);
    callOff();
    if (request && !kept.has(request.key) && !running.has(request.key) && !failed.has(request.key)) start(request);
  }
  return {
    want,
    get: (request) => (request ? kept.get(request.key)?.data : undefined),
    has: (request) => kept.has(request.key),
    isRunning: (request) => running.has(request.key),
    errorOf: (request) => (request ? failed.get(request.key) ?? null : null),
    stop() {
      wanted.clear();
      callOff();
    },
  };
}
