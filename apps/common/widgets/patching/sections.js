// Which parts of a value are new: each part of it has a version that rises when that part differs.

const SECTIONS = ['run', 'sweep', 'applied', 'flip', 'general', 'reads'];

/** Keeps the last value's parts; take(value) raises the version of each that differs and returns the names of those. */
export function createSections() {
  const texts = {};
  const versions = Object.fromEntries([...SECTIONS, 'images'].map((name) => [name, 0]));
  return {
    versions,
    take(value) {
      return SECTIONS.filter((name) => {
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
 * Follows the list of chips that was asked for through the answers that come back, late ones included.
 *
 * `asked(key)` notes a list that was sent. `settle(key)` says what an answer means: "wanted" is the one waited for, "late" one
 * that a later list overtook, "other" a list that was never sent from here, so that the visitor's must follow it.
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
