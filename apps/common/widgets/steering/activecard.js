// The latents that are on at the selected tokens, by activation or by direct effect on the watched class.

import { setText } from '../shared/dom.js';
import { formatMargin } from '../shared/format.js';
import { createGate } from '../shared/schedule.js';
import { showSegment, wireSegments } from '../shared/segments.js';
import { createLatentList } from './latentlist.js';
import { activeLatents } from './ranking.js';
import { poolWords } from './words.js';

const FEW = 20;
const MANY = 120;

/** View of the list; `rowsOf(scene)` gives its rows, also for the table beside it. */
export function createActiveCard({ parts, getScene, dispatch }) {
  const gate = createGate();
  const list = createLatentList({ holder: parts.active, dispatch });
  let isLong = false;
  wireSegments(parts.sort, 'sort', dispatch);
  wireSegments(parts.pool, 'pool', dispatch);
  parts.activeMore.addEventListener('click', () => {
    isLong = !isLong;
    gate.reset();
    render();
  });

  function fill(scene) {
    const { state, assets, run } = scene;
    const all = rowsOfActive(scene);
    const shown = all.slice(0, isLong ? MANY : FEW);
    list(
      scene,
      shown.map(({ latent, act, effect }) => ({
        latent,
        act,
        extra: Number.isFinite(effect) && assets.effect ? { text: formatMargin(effect), sign: effect < 0 ? 'down' : 'up' } : null,
      })),
    );
    setText(
      parts.activeCount,
      `${all.length.toLocaleString('en')} ${all.length === 1 ? 'latent is' : 'latents are'} on ${state.tokens.length ? 'at what is selected' : 'somewhere in this picture'}`,
    );
    setText(parts.activeHow, poolWords(state, Boolean(assets.columns?.typical)));
    parts.activeMore.hidden = all.length <= FEW;
    setText(parts.activeMore, isLong ? `Show the first ${FEW}` : `Show ${Math.min(all.length, MANY)}${all.length > MANY ? ` of ${all.length}` : ''}`);
    parts.activeEmpty.hidden = all.length > 0;
    setText(
      parts.activeEmpty,
      assets.acts
        ? 'No latent is on here: this SAE does not read these tokens.'
        : parts.notice.hidden
          ? 'Reading the activations…'
          : 'The activations could not be read.',
    );
    const hasEffect = Boolean(assets.effect);
    for (const radio of parts.sort.querySelectorAll('input')) radio.disabled = radio.value === 'effect' && !hasEffect;
    showSegment(parts.sort, hasEffect ? state.sort : 'activation');
    showSegment(parts.pool, state.pool);
    setText(parts.effectNote, hasEffect ? `Below it, + and −: direct effect on the logit of ${run.watched?.name}.` : (run.effect_note ?? ''));
  }
  function render() {
    const scene = getScene();
    if (!scene) return;
    const { state, versions } = scene;
    const key = [
      versions.run,
      versions.acts,
      versions.columns,
      versions.effect,
      state.tokens,
      state.sort,
      state.pool,
      state.latent,
      state.chips.map(({ latent }) => latent),
      scene.fontReady,
    ];
    if (gate.opens(key.join('|'))) fill(scene);
  }
  return { render, forget: gate.reset };
}

/** The rows of the list, all of them. */
export function rowsOfActive({ state, assets }) {
  return assets.acts
    ? activeLatents(assets.acts, state.tokens, { columns: assets.columns, effect: assets.effect, pool: state.pool, sort: state.sort })
    : [];
}
