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

/** A map that forgets what was used longest ago once it holds more than `limit` entries. */
export function createLru(limit) {
  const kept = new Map();
  return {
    get(key) {
      if (!kept.has(key)) return undefined;
      const value = kept.get(key);
      kept.delete(key);
      kept.set(key, value);
      return value;
    },
    set(key, value) {
      kept.delete(key);
      kept.set(key, value);
      if (kept.size > limit) kept.delete(kept.keys().next().value);
    },
    clear: () => kept.clear(),
  };
}
