// Class names: finding one by typing, and how a class is told.

function fold(text) {
  return text.normalize('NFD').replace(/[\u0300-\u036f]/g, '').toLowerCase().trim();
}

function matchRank(name, words, wanted) {
  if (name === wanted) return 0;
  if (name.startsWith(wanted)) return 1;
  if (words.some((word) => word === wanted)) return 2;
  if (words.some((word) => word.startsWith(wanted))) return 3;
  return name.includes(wanted) ? 4 : -1;
}

/** Indices of the classes that match what was typed: exact, prefix, whole word, word prefix, inside; shorter first. */
export function searchClasses(vocabulary, text, limit = 20) {
  const wanted = fold(text);
  if (!wanted) return [];
  const found = [];
  vocabulary.names.forEach((name, index) => {
    const folded = fold(name);
    const rank = vocabulary.emoji[index] === text.trim() ? 0 : matchRank(folded, folded.split(/[^\p{L}\p{N}]+/u), wanted);
    if (rank >= 0) found.push({ index, rank, length: folded.length });
  });
  found.sort((a, b) => a.rank - b.rank || a.length - b.length || a.index - b.index);
  return found.slice(0, limit).map((entry) => entry.index);
}

/** Name of a class; a plain sentence where the vocabulary does not hold it. */
export function className(vocabulary, index) {
  return vocabulary?.names[index] ?? `class ${index}`;
}

/** Refuse a vocabulary whose three lists do not belong together, or whose colours are anything but "#rrggbb". */
export function checkVocabulary(vocabulary) {
  const { names, emoji, colors } = vocabulary ?? {};
  const lists = [names, emoji, colors];
  const whole = lists.every(Array.isArray) && lists.every((list) => list.length === names.length);
  if (!whole || !colors.every((color) => /^#[0-9a-f]{6}$/i.test(color))) {
    throw new Error('The class names are not what was expected; reload the page.');
  }
  return vocabulary;
}
