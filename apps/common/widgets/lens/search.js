// Class search: choose a class by typing, then see its logit, probability and rank on every patch at every layer.

import { attachCombobox } from '../shared/combobox.js';
import { make, setText } from '../shared/dom.js';
import { formatLogit, formatPercent, formatRank } from '../shared/format.js';
import { tokenName } from '../shared/geometry.js';
import { cellIndex } from '../shared/lensdata.js';
import { createLatest } from '../shared/schedule.js';
import { className, searchClasses } from '../shared/vocabulary.js';
import { shownLayer, shownToken } from './state.js';

/** View of the search; `loadClass(result, index)` fetches one class, `setFound` keeps it, `fail` tells a sentence. */
export function createSearch({ parts, getScene, getResult, dispatch, loadClass, setFound, fail }) {
  const latest = createLatest();
  const vocabulary = () => getResult()?.vocabulary ?? { names: [], emoji: [], colors: [] };
  let wanted = null;

  attachCombobox({
    input: parts.searchInput,
    listbox: parts.searchList,
    search: (text) => searchClasses(vocabulary(), text, 12),
    render: (index) => [
      make('span', { class: 'pl-emoji', 'aria-hidden': 'true', text: getScene().painter.text(vocabulary().emoji[index]) }),
      make('span', { text: className(vocabulary(), index) }),
    ],
    label: (index) => className(vocabulary(), index),
    choose: (index) => dispatch({ type: 'search', index }),
  });
  parts.searchClear.addEventListener('click', () => {
    dispatch({ type: 'search', index: null });
    parts.searchInput.value = '';
    parts.searchInput.focus();
  });

  /** Fetch the class that the state names; replies that a later choice overtook are dropped. */
  async function fetchWanted(index) {
    const result = getResult();
    const key = index === null || !result ? null : `${result.urls.class}${index}`;
    if (key === wanted) return;
    wanted = key;
    const ticket = latest.begin();
    setFound(null);
    parts.searchInput.value = index === null ? '' : className(vocabulary(), index);
    if (key === null) return;
    try {
      const found = await loadClass(result, index);
      if (!ticket.isStale()) setFound(found);
    } catch (error) {
      if (ticket.isStale()) return;
      wanted = null;
      dispatch({ type: 'search', index: null });
      fail(error.message);
    }
  }
  function render() {
    const scene = getScene();
    if (!scene) return;
    const { lens, found, state } = scene;
    parts.searchClear.hidden = state.search === null;
    parts.searchAnswer.hidden = state.search === null;
    if (state.search === null) return;
    const token = shownToken(state) ?? 0;
    const layer = shownLayer(state);
    const cell = cellIndex(lens, layer, token);
    setText(parts.searchEmoji, scene.painter.text(vocabulary().emoji[state.search]));
    setText(parts.searchWhere, `${className(vocabulary(), state.search)} at ${tokenName(lens, token)}, layer ${lens.labels[layer]}`);
    setText(parts.searchLogit, found ? formatLogit(found.logit[cell]) : '…');
    setText(parts.searchProbability, found ? formatPercent(found.probability[cell]) : '…');
    setText(parts.searchRank, found ? formatRank(found.rank[cell], lens.meta.n_classes) : '…');
  }
  return { fetchWanted, render };
}
