// What two answers have in common, word by word: the longest run of words in both, in order.

/** [{text, way}] of b against a: way "same", "added" (only b says it) or "gone" (only a does). */
export function diffWords(a, b) {
  const [n, m] = [a.length, b.length];
  const longest = Array.from({ length: n + 1 }, () => new Uint16Array(m + 1));
  for (let i = n - 1; i >= 0; i--)
    for (let j = m - 1; j >= 0; j--) longest[i][j] = a[i] === b[j] ? longest[i + 1][j + 1] + 1 : Math.max(longest[i + 1][j], longest[i][j + 1]);
  const found = [];
  let [i, j] = [0, 0];
  while (i < n || j < m) {
    if (i < n && j < m && a[i] === b[j]) {
      found.push({ text: b[j], way: 'same', at: j });
      i += 1;
      j += 1;
    } else if (i < n && (j >= m || longest[i + 1][j] >= longest[i][j + 1])) {
      found.push({ text: a[i], way: 'gone', at: null });
      i += 1;
    } else {
      found.push({ text: b[j], way: 'added', at: j });
      j += 1;
    }
  }
  return found;
}

/** How many words are gone and added, and whether nothing differs. */
export function diffCounts(diff) {
  const count = (way) => diff.filter((piece) => piece.way === way).length;
  return { gone: count('gone'), added: count('added'), isSame: diff.every(({ way }) => way === 'same') };
}

/** The words of a column as they are compared: without the token that ends it. */
export function spokenWords(words) {
  return words.map(({ t }) => t.trim()).filter(Boolean);
}

/** What is to be said below a column, beside the original one. */
export function columnWords({ state, words, perplexity }, original, name) {
  const strange = Number.isFinite(perplexity) ? `perplexity ${perplexity < 9.95 ? perplexity.toFixed(1) : perplexity.toFixed(0)}` : '';
  if (state === 'speaking') return { state: words.length ? `${words.length} words so far…` : 'begins…', strange };
  const ended = { stopped: 'stopped here', cut: 'cut off at the longest that is allowed' }[state] ?? '';
  if (name === 'original' || !original || original.state === 'speaking') return { state: ended || `${spokenWords(words).length} words`, strange };
  const { gone, added, isSame } = diffCounts(diffWords(spokenWords(original.words), spokenWords(words)));
  const differs = [gone ? `−${gone}` : '', added ? `+${added}` : ''].filter(Boolean).join(' ');
  const said = isSame ? 'the same words as the original' : `${differs} ${gone + added === 1 ? 'word' : 'words'}`;
  return { state: ended ? `${said}; ${ended}` : said, strange, isSame };
}
