// The text twin of the stage: one row a token at the current layer, built only while it is open.

import { make } from '../shared/dom.js';
import { formatLogit, formatMargin, formatPercent } from '../shared/format.js';
import { tokenName } from '../shared/geometry.js';
import { topK } from '../shared/lensdata.js';
import { className } from '../shared/vocabulary.js';

function tokenRow({ lens, vocabulary, painter }, layer, token) {
  const first = topK(lens, layer, token)[0];
  const numbers = [formatLogit(first.logit), formatPercent(first.probability), formatMargin(first.margin)];
  return make('tr', { 'data-token': token },
    make('th', { scope: 'row', text: tokenName(lens, token) }),
    make('td', { class: 'pl-emoji', text: painter.text(vocabulary.emoji[first.index]) }),
    make('td', { text: className(vocabulary, first.index) }),
    ...numbers.map((text) => make('td', { class: 'pl-num', text })));
}

/** View of the table; `render(layer)` does nothing while it is closed or already shows that layer. */
export function createTable({ parts, getScene, dispatch }) {
  let shown = '';
  function render(layer) {
    const scene = getScene();
    if (!scene || !parts.twin.open) return;
    const key = `${scene.serial}|${layer}`;
    if (key === shown) return;
    shown = key;
    parts.twinLayer.textContent = scene.lens.labels[layer];
    parts.twinRows.replaceChildren(...Array.from({ length: scene.lens.nTokens }, (_, token) => tokenRow(scene, layer, token)));
  }
  parts.twin.addEventListener('toggle', () => getScene() && render(getScene().state.layer));
  parts.twinRows.addEventListener('click', (event) => {
    const row = event.target.closest('[data-token]');
    if (row) dispatch({ type: 'lock', token: Number(row.dataset.token) });
  });
  return { render };
}
