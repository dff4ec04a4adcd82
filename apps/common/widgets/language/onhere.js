// The latents that are on at the selected patches and words, most of what is typical first.

import { setText } from '../shared/dom.js';
import { createGate } from '../shared/schedule.js';
import { createLatentList } from '../steering/latentlist.js';
import { activeLatents } from '../steering/ranking.js';

const ONHERE_FEW = 12;
const ONHERE_MANY = 80;

/** The rows of the list, all of them. */
export function rowsOnHere({ state, assets }) {
  return assets.all ? activeLatents(assets.all, state.tokens, { columns: assets.columns }) : [];
}

/** View of the list. */
export function createOnHere({ parts, getScene, dispatch }) {
  const gate = createGate();
  const list = createLatentList({ holder: parts.active, dispatch });
  let isLong = false;
  parts.activeMore.addEventListener('click', () => {
    isLong = !isLong;
    gate.reset();
    render();
  });
  function fill(scene) {
    const { state, assets } = scene;
    const all = rowsOnHere(scene);
    list(scene, all.slice(0, isLong ? ONHERE_MANY : ONHERE_FEW));
    const where = state.tokens.length ? 'at what is selected' : 'somewhere';
    setText(parts.activeCount, `${all.length.toLocaleString('en')} ${all.length === 1 ? 'latent is' : 'latents are'} on ${where}.`);
    parts.activeMore.hidden = all.length <= ONHERE_FEW;
    setText(parts.activeMore, isLong ? `Show the first ${ONHERE_FEW}` : `Show ${Math.min(all.length, ONHERE_MANY)} of ${all.length}`);
    parts.activeEmpty.hidden = all.length > 0;
    setText(parts.activeEmpty, assets.all ? 'No latent is on here.' : 'Reading the activations…');
  }
  function render() {
    const scene = getScene();
    if (!scene) return;
    const { versions, state } = scene;
    const chips = state.chips.map(({ latent }) => latent);
    if (gate.opens([versions.run, versions.acts, versions.columns, state.tokens, state.latent, chips, scene.fontReady].join('|'))) fill(scene);
  }
  return { render, forget: gate.reset };
}
