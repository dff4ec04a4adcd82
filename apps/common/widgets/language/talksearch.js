// Find a latent: by its label, by what is on in this picture and not in another, or with two brushes on the picture.

import { make, setText } from '../shared/dom.js';
import { createGate } from '../shared/schedule.js';
import { showSegment, wireSegments } from '../shared/segments.js';
import { heatOf, peakOf } from '../steering/acts.js';
import { timesText } from '../steering/columns.js';
import { createLatentList } from '../steering/latentlist.js';
import { exampleScores, labelled } from '../steering/ranking.js';

const TALK_FOUND = 24;

/** View of the search; `contrast(name)` compares with another picture. */
export function createTalkSearch({ parts, getScene, dispatch, contrast }) {
  const gate = createGate();
  const list = createLatentList({ holder: parts.found, dispatch });
  let text = '';
  wireSegments(parts.search, 'find', dispatch);
  wireSegments(parts.pen, 'pen', dispatch);
  parts.clearExample.addEventListener('click', () => dispatch({ type: 'clearExample' }));
  parts.labelText.addEventListener('input', () => {
    text = parts.labelText.value.trim();
    render();
  });
  const actHere = ({ assets }, latent) => (assets.acts ? peakOf(heatOf(assets.acts, latent)) : NaN);

  function byLabel(scene) {
    if (!text) return { rows: [], words: 'Type a thing, such as “dog”, or the number of a latent.' };
    const found = labelled(scene.assets.columns, text, scene.shape.dSae);
    const none = scene.assets.columns?.label ? 'No latent has such a label.' : 'The latents of this SAE were never labelled; type the number of one.';
    return {
      rows: found.map(({ latent }) => ({ latent, act: actHere(scene, latent) })),
      words: found.length ? `${found.length} found, best label first; right: the most at any patch of this picture.` : none,
    };
  }
  function byContrast({ contrast: found, isContrasting }) {
    if (isContrasting) return { rows: [], words: 'Comparing…' };
    if (!found) return { rows: [], words: 'Choose a picture: the latents come that are on in the one above and not in it.' };
    const rows = found.rows.map(({ latent, here, there }) => ({ latent, act: NaN, value: timesText(here), extra: { text: `there ${timesText(there)}` } }));
    return { rows, words: rows.length ? `On here and not in “${found.title}”: the most at any patch, in typical activations.` : 'Nothing is on more here than there.' };
  }
  function byBrush(scene) {
    const { state, assets } = scene;
    if (!state.fires.length) return { rows: [], words: 'Paint “fires here” on the picture, then “not there”.' };
    const rows = assets.acts ? exampleScores(assets.acts, state.fires, state.nots, assets.columns) : [];
    return {
      rows: rows.map(({ latent, score }) => ({ latent, act: NaN, value: timesText(score) })),
      words: rows.length ? `Mean activation here${state.nots.length ? ' minus there' : ''}, in units of the typical one (×).` : 'Nothing is on more here than there.',
    };
  }
  function fillOthers({ run, contrast: found }) {
    parts.others.replaceChildren(
      ...run.others.map(({ name, title, picture }) =>
        make(
          'button',
          { type: 'button', class: 'pl-other', title, 'aria-pressed': String(found?.name === name), 'data-name': name, onclick: () => contrast(name) },
          make('img', { src: picture, alt: title, loading: 'lazy' }),
        ),
      ),
    );
  }
  function fill(scene) {
    const { state } = scene;
    showSegment(parts.search, state.search);
    for (const kind of ['label', 'contrast', 'example']) parts[`${kind}Search`].hidden = kind !== state.search;
    const shown = { label: byLabel, contrast: byContrast, example: byBrush }[state.search](scene);
    setText(parts.foundWords, shown.words);
    list(scene, shown.rows.slice(0, TALK_FOUND));
    fillOthers(scene);
    parts.clearExample.disabled = !state.fires.length && !state.nots.length;
  }
  function render() {
    const scene = getScene();
    if (!scene) return;
    const { state, versions, isContrasting } = scene;
    const chips = state.chips.map(({ latent }) => latent);
    const key = [versions.run, versions.acts, versions.columns, versions.contrast, isContrasting, text, state.search, state.fires, state.nots, state.latent, chips, scene.fontReady];
    if (gate.opens(key.join('|'))) fill(scene);
  }
  return { render, forget: gate.reset };
}
