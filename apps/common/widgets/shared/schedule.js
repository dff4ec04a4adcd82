// When things happen: not too often, once a frame, and never out of order.

/** fn, called once the calls have paused for ms; .cancel() forgets a pending call. */
export function debounce(fn, ms) {
  let timer = null;
  const later = (...args) => {
    clearTimeout(timer);
    timer = setTimeout(() => fn(...args), ms);
  };
  later.cancel = () => clearTimeout(timer);
  return later;
}

/** fn, called at most once a frame however often it is asked for. */
export function oncePerFrame(fn) {
  let pending = false;
  return () => {
    if (pending) return;
    pending = true;
    requestAnimationFrame(() => {
      pending = false;
      fn();
    });
  };
}

/** Tells whether a key differs from the last one: opens(key), and after reset() it does. */
export function createGate() {
  let last;
  return {
    opens(key) {
      if (key === last) return false;
      last = key;
      return true;
    },
    reset: () => (last = undefined),
  };
}

/** Numbers requests, so that a reply which a later request overtook can be dropped. */
export function createLatest() {
  let last = 0;
  return {
    begin() {
      const ticket = ++last;
      return { isStale: () => ticket !== last };
    },
    cancel() {
      last++;
    },
  };
}

/** A map that forgets what was used longest ago once its entries' sizes pass `limit`; each counts 1 unless sizeOf says. */
export function createLru(limit, sizeOf = () => 1) {
  const kept = new Map();
  let total = 0;
  const drop = (key) => {
    if (!kept.has(key)) return;
    total -= sizeOf(kept.get(key));
    kept.delete(key);
  };
  return {
    get(key) {
      if (!kept.has(key)) return undefined;
      const value = kept.get(key);
      kept.delete(key);
      kept.set(key, value);
      return value;
    },
    set(key, value) {
      drop(key);
      kept.set(key, value);
      total += sizeOf(value);
      while (total > limit && kept.size > 1) drop(kept.keys().next().value);
    },
    has: (key) => kept.has(key),
    clear() {
      kept.clear();
      total = 0;
    },
  };
}
