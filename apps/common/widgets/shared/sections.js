// Which parts of a value are new: each part of it has a version that rises when that part differs.

/** Keeps the last value's parts of these names; take(value) raises the version of each that differs and returns their names. */
export function createSections(names) {
  const texts = {};
  const versions = Object.fromEntries(names.map((name) => [name, 0]));
  return {
    versions,
    take(value) {
      return names.filter((name) => {
        const text = JSON.stringify(value[name] ?? null);
        if (text === texts[name]) return false;
        texts[name] = text;
        versions[name] += 1;
        return true;
      });
    },
  };
}

/**
 * Follows what was asked for through the answers that come back, late ones included.
 *
 * `asked(key)` notes what was sent. `settle(key)` says what an answer means: "wanted" is the one waited for, "late" one
 * that a later one overtook, "other" one that was never sent from here, so that the visitor's must follow it.
 */
export function createPending() {
  let wanted = null;
  const sent = new Set();
  return {
    asked(key) {
      wanted = key;
      sent.add(key);
    },
    settle(key) {
      if (wanted === null) return 'other';
      if (key === wanted) {
        wanted = null;
        sent.clear();
        return 'wanted';
      }
      if (sent.has(key)) return 'late';
      wanted = null;
      sent.clear();
      return 'other';
    },
    forget() {
      wanted = null;
      sent.clear();
    },
    isWaiting: () => wanted !== null,
    isWanted: (key) => key === wanted,
  };
}
