// A list of latents, one row each: a thumbnail of where it is on in the picture, its dial, number, label and a value.

import { make } from '../shared/dom.js';
import { heatOf, peakOf } from './acts.js';
import { doubt, factsOf, isHint, labelWords, latentName, timesText, typicalOf } from './columns.js';
import { heatCanvas } from './heat.js';

const FULL_DIAL = 5; // times the typical activation

/** How far round a dial stands for an activation in units of the typical one, 0 to 1. */
export function dialShare(ratio) {
  return Number.isFinite(ratio) ? Math.max(0, Math.min(1, ratio / FULL_DIAL)) : 0;
}

/** Where a latent is on in the picture, as a thumbnail; CLS alone cannot be seen on it and is said. */
export function latentThumb({ shape, assets }, latent) {
  const heat = assets.acts ? heatOf(assets.acts, latent) : new Float32Array(shape.nTokens);
  const isOnPatches = heat.subarray(shape.nPrefix).some((value) => value > 0);
  const isOnPrefix = heat.subarray(0, shape.nPrefix).some((value) => value > 0);
  const thumb = make('span', { class: 'pl-thumb' }, heatCanvas(shape, heat, peakOf(heat)));
  if (!isOnPatches && isOnPrefix) thumb.append(make('span', { class: 'pl-thumbword', text: shape.prefixNames[0] ?? 'CLS' }));
  return thumb;
}

function dial(ratio) {
  const made = make('span', { class: 'pl-dial', 'aria-hidden': 'true' });
  made.style.setProperty('--pl-turn', `${(270 * dialShare(ratio)).toFixed(0)}deg`);
  return made;
}

/** The label of a latent as nodes: emoji, name and F1, or "no label". */
export function labelNodes({ painter }, facts) {
  if (!facts.label) return [make('span', { class: 'pl-muted', text: 'no label' })];
  const isWeak = isHint(facts.f1);
  const score = Number.isFinite(facts.f1) ? [make('span', { class: 'pl-muted pl-num', text: ` F1 ${facts.f1.toFixed(2)}` })] : [];
  return [
    ...(facts.emoji && doubt(facts.f1) !== 'hardly ' ? [make('span', { class: 'pl-emoji', 'aria-hidden': 'true', text: painter.text(facts.emoji) }), ' '] : []),
    make('span', { class: isWeak ? 'pl-muted' : null, text: `${doubt(facts.f1)}${facts.label}` }),
    ...score,
  ];
}

function rowOf(scene, { latent, act, value, extra }) {
  const { assets, state } = scene;
  const facts = factsOf(assets.columns, latent);
  const ratio = Number.isFinite(act) ? act / typicalOf(assets.columns, latent) : NaN;
  const values = make(
    'span',
    { class: 'pl-latentvalue pl-num' },
    make('strong', { text: value ?? (Number.isFinite(ratio) ? timesText(ratio) : Number.isFinite(act) ? act.toPrecision(3) : '–') }),
  );
  if (extra) values.append(make('span', { class: 'pl-muted', 'data-sign': extra.sign ?? null, text: extra.text }));
  const open = make(
    'button',
    {
      type: 'button',
      class: 'pl-latentopen',
      'data-latent': latent,
      'aria-pressed': String(state.latent === latent),
      'aria-label': `${latentName(latent)}, ${labelWords(facts)}${Number.isFinite(ratio) ? `, ${timesText(ratio)} typical` : ''}`,
    },
    latentThumb(scene, latent),
    dial(ratio),
    make(
      'span',
      { class: 'pl-latentname' },
      make('strong', { text: latentName(latent) }),
      make('span', { class: 'pl-latentlabel' }, ...labelNodes(scene, facts)),
    ),
    values,
  );
  const isIn = state.chips.some((chip) => chip.latent === latent);
  const turn = make('button', {
    type: 'button',
    class: 'pl-button pl-turn',
    'data-turn': latent,
    disabled: isIn,
    text: isIn ? 'Turned' : 'Turn',
    'aria-label': `Turn ${latentName(latent)}`,
  });
  return make('li', { class: 'pl-latentrow', 'data-latent': latent }, open, turn);
}

/**
 * A list in `holder`; show(scene, rows) fills it with rows {latent, act, value, extra}.
 *
 * Pointing at a row tells of its latent, a click opens its page, its button puts it into the rack.
 */
export function createLatentList({ holder, dispatch }) {
  const latentAt = (event, name) => {
    const found = event.target.closest?.(`[data-${name}]`);
    return found && holder.contains(found) ? Number(found.dataset[name]) : null;
  };
  holder.addEventListener('pointerover', (event) => event.pointerType !== 'touch' && dispatch({ type: 'point', latent: latentAt(event, 'latent') }));
  holder.addEventListener('pointerleave', () => dispatch({ type: 'point', latent: null }));
  holder.addEventListener(
    'focusin',
    (event) => event.target.matches(':focus-visible') && dispatch({ type: 'point', latent: latentAt(event, 'latent') }),
  );
  holder.addEventListener('focusout', () => dispatch({ type: 'point', latent: null }));
  holder.addEventListener('click', (event) => {
    const turned = latentAt(event, 'turn');
    if (turned !== null) return dispatch({ type: 'addChip', latent: turned });
    const opened = event.target.closest('.pl-latentopen') ? latentAt(event, 'latent') : null;
    return opened !== null && dispatch({ type: 'latent', latent: opened });
  });
  return (scene, rows) => {
    const focused = holder.contains(document.activeElement) ? document.activeElement : null;
    const wanted = focused && { latent: focused.closest('li')?.dataset.latent, turn: focused.hasAttribute('data-turn') };
    holder.replaceChildren(...rows.map((row) => rowOf(scene, row)));
    if (!wanted?.latent) return;
    const again =
      holder.querySelector(`li[data-latent="${wanted.latent}"] ${wanted.turn ? '.pl-turn:not(:disabled)' : '.pl-latentopen'}`) ??
      holder.querySelector(`li[data-latent="${wanted.latent}"] .pl-latentopen`);
    again?.focus({ preventScroll: true });
  };
}
