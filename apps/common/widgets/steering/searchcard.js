// Find a latent: by its label, by a class that it writes, or by example, with two brushes on the picture.

import { make, setText } from '../shared/dom.js';
import { formatMargin } from '../shared/format.js';
import { createGate } from '../shared/schedule.js';
import { showSegment, wireSegments } from '../shared/segments.js';
import { attachCombobox } from '../shared/combobox.js';
import { className, searchClasses } from '../shared/vocabulary.js';
import { heatOf, peakOf } from './acts.js';
import { latentName, timesText } from './columns.js';
import { createLatentList } from './latentlist.js';
import { exampleScores, labelled } from './ranking.js';

const FOUND_MOST = 24;
const BRIEF_MOST = 4;

/** View of the search; `search(kind, text, index)` asks the server. */
export function createSearchCard({ parts, getScene, dispatch, search, waiting }) {
  const gate = createGate();
  const list = createLatentList({ holder: parts.found, dispatch });
  let [text, index] = ['', null];
  wireSegments(parts.search, 'search', dispatch);
  parts.clearExample.addEventListener('click', () => dispatch({ type: 'clearExample' }));
  const hasLabels = () => Boolean(getScene()?.assets.columns?.label);
  const isNumber = () => /^(?:latent\s*)?\d+$/i.test(text);
  parts.labelText.addEventListener('input', () => {
    text = parts.labelText.value.trim();
    render();
  });
  parts.labelText.addEventListener('keydown', (event) => {
    if (event.key === 'Enter' && text && !hasLabels() && !isNumber()) search('label', text);
  });
  parts.classText.addEventListener('input', () => {
    index = null; // what was found before is not of what stands there now
    render();
  });
  attachCombobox({
    input: parts.classText,
    listbox: parts.classChoices,
    label: (found) => className(getScene()?.assets.vocabulary, found),
    search: (typed) => (getScene()?.assets.vocabulary ? searchClasses(getScene().assets.vocabulary, typed) : []),
    render: (found) => classOption(getScene(), found),
    choose: (found) => {
      index = found;
      search('class', className(getScene().assets.vocabulary, found), found);
      render();
    },
  });

  const withActs = ({ assets }, latent) => (assets.acts ? peakOf(heatOf(assets.acts, latent)) : NaN);
  function labelRows(scene) {
    if (!text) return { rows: [], words: 'Type a thing, such as “dog”, or the number of a latent.' };
    if (hasLabels() || isNumber()) {
      const found = labelled(scene.assets.columns, text, scene.shape.dSae);
      return {
        rows: found.map(({ latent }) => ({ latent, act: withActs(scene, latent) })),
        words: found.length ? `${found.length} found, best label first; right: in this picture.` : 'No latent has such a label.',
      };
    }
    return foundRows(scene, 'label', text);
  }
  function foundRows(scene, kind, wanted) {
    const { found } = scene;
    if (waiting.found) return { rows: [], words: 'Searching…' };
    if (!found || found.query.kind !== kind || found.query.text !== wanted)
      return { rows: [], words: kind === 'label' ? 'Press Enter to search.' : 'Choose one of the classes that come up as you type.' };
    const rows = found.latents.map(({ index: latent, value }) => ({
      latent,
      act: withActs(scene, latent),
      value: kind === 'class' && Number.isFinite(value) ? formatMargin(value) : undefined,
    }));
    return {
      rows,
      words: rows.length
        ? kind === 'class'
          ? `Latents that write “${wanted}” most; right: logits at their typical activation.`
          : `${rows.length} found.`
        : 'Nothing found.',
    };
  }
  function exampleRows(scene) {
    const { state, assets } = scene;
    if (!state.fires.length) return { rows: [], words: 'Paint “fires here” on the picture, then “not there”.' };
    const rows = exampleScores(assets.acts, state.fires, state.nots, assets.columns);
    return {
      rows: rows.map(({ latent, score }) => ({ latent, act: withActs(scene, latent), value: timesText(score) })),
      words: rows.length
        ? `Mean activation here${state.nots.length ? ' minus there' : ''}, in units of the typical one (×).`
        : 'Nothing is on more here than there.',
    };
  }
  // Beside the brushes, what they have found: the list itself may lie far below the picture.
  function fillBrief(shown) {
    const first = (shown?.rows ?? []).slice(0, BRIEF_MOST);
    parts.foundBrief.replaceChildren(
      first.length ? 'On here: ' : (shown?.words ?? ''),
      ...first.map(({ latent }) =>
        make('button', { type: 'button', class: 'pl-button pl-small', text: latentName(latent), onclick: () => dispatch({ type: 'latent', latent }) }),
      ),
    );
  }
  function fill(scene) {
    const { state } = scene;
    showSegment(parts.search, state.search);
    for (const kind of ['label', 'class', 'example']) parts[`${kind}Search`].hidden = kind !== state.search;
    const wantedClass = index === null ? '' : className(scene.assets.vocabulary, index);
    const shown =
      state.search === 'label' ? labelRows(scene) : state.search === 'class' ? foundRows(scene, 'class', wantedClass) : exampleRows(scene);
    setText(parts.foundWords, shown.words);
    list(scene, shown.rows.slice(0, FOUND_MOST));
    fillBrief(state.search === 'example' ? shown : null);
    parts.clearExample.disabled = !state.fires.length && !state.nots.length;
  }
  function render() {
    const scene = getScene();
    if (!scene) return;
    const { state, versions } = scene;
    const key = [
      versions.run,
      versions.acts,
      versions.columns,
      versions.vocabulary,
      versions.found,
      waiting.found,
      text,
      index,
      state.search,
      state.fires,
      state.nots,
      state.latent,
      state.chips.map(({ latent }) => latent),
      scene.fontReady,
    ];
    if (gate.opens(key.join('|'))) fill(scene);
  }
  return { render, forget: gate.reset };
}

/** One class as it stands in a list of suggestions. */
export function classOption({ painter, assets }, index) {
  return [
    make('span', { class: 'pl-emoji', 'aria-hidden': 'true', text: painter.text(assets.vocabulary.emoji[index]) }),
    make('span', { text: assets.vocabulary.names[index] }),
  ];
}
