// What the visitor of the talking canvas sees and asks for, as one plain object, and every step that changes it.

import { cleanChip } from '../steering/rack.js';
import { initialSteering, steeringStep } from '../steering/state.js';

export const TALK_KINDS = ['image', 'prompt', 'generated'];
export const TALK_WHENS = ['prefill', 'decode'];
const TALK_CHOICES = {
  section: ['texts', 'pictures', 'words', 'neighbours'],
  control: ['none', 'random', 'opposite'],
};
const SEARCHES = { label: 'select', contrast: 'select', example: 'fires' };

/** The state before a visitor has touched anything. */
export function initialTalk() {
  return {
    ...initialSteering(),
    section: 'texts',
    kinds: TALK_KINDS,
    whens: TALK_WHENS,
    control: 'none',
    temperature: 0,
    seed: 0,
    most: 48,
    word: null,
    layer: 0,
  };
}

/** What a state can be about, from the run of a value and the number of its text tokens. */
export function talkShape({ grid, sae, n_layers: nLayers, most_words: mostWords }, nTexts) {
  const nPatches = grid[0] * grid[1];
  return {
    rows: grid[0],
    cols: grid[1],
    nPrefix: 0,
    prefixNames: [],
    nPatches,
    nTokens: nPatches + nTexts,
    dSae: sae.d_sae,
    lensLabels: [],
    wheres: ['all'],
    nLayers,
    mostWords,
  };
}

function kept(value, low, high, step) {
  const number = Number(value);
  return Number.isFinite(number) ? Math.round(Math.max(low, Math.min(high, number)) / step) * step : low;
}

// Of several boxes at least one stays ticked.
function toggled(list, every, value) {
  const next = every.filter((each) => (each === value) !== list.includes(each));
  return next.length ? next : list;
}

function wholeBelow(value, n, otherwise) {
  return Number.isInteger(value) && value >= 0 && value < n ? value : otherwise;
}

function withTurn(state, { rack }, shape) {
  const chips = (rack?.chips ?? []).map((chip) => cleanChip(chip, shape.dSae)).filter(Boolean);
  return {
    ...state,
    chips,
    kinds: TALK_KINDS.filter((kind) => (rack?.where ?? TALK_KINDS).includes(kind)),
    whens: TALK_WHENS.filter((when) => (rack?.when ?? TALK_WHENS).includes(when)),
    keepError: rack?.keep_error !== false,
    control: TALK_CHOICES.control.includes(rack?.control) ? rack.control : 'none',
    temperature: rack?.temperature ?? 0,
    seed: rack?.seed ?? 0,
    most: rack?.most ?? 48,
  };
}

function withView(state, { view }, shape) {
  const next = { ...state };
  if (TALK_CHOICES.section.includes(view.section)) next.section = view.section;
  if (Array.isArray(view.tokens)) next.tokens = view.tokens;
  if ('latent' in view) next.latent = view.latent;
  if (Number.isFinite(view.overlay)) next.overlay = Math.max(0, Math.min(1, view.overlay));
  next.word = wholeBelow(view.word, shape.mostWords, null);
  next.layer = wholeBelow(view.layer, shape.nLayers, 0);
  return steeringStep(next, { type: 'fit' }, { ...shape, nTokens: shape.nTokens + shape.mostWords });
}

const TALK_MOVES = {
  rack: withTurn,
  restore: withView,
  kind: (state, { value }) => ({ ...state, kinds: toggled(state.kinds, TALK_KINDS, value) }),
  when: (state, { value }) => ({ ...state, whens: toggled(state.whens, TALK_WHENS, value) }),
  temperature: (state, { value }) => ({ ...state, temperature: Number(kept(value, 0, 2, 0.05).toFixed(2)) }),
  seed: (state, { value }) => ({ ...state, seed: kept(value, 0, 9999, 1) }),
  most: (state, { value }, shape) => ({ ...state, most: kept(value, 1, shape.mostWords, 1) }),
  layer: (state, { value }, shape) => ({ ...state, layer: wholeBelow(Number(value), shape.nLayers, state.layer) }),
  word: (state, { value, token }, shape) => ({
    ...state,
    word: wholeBelow(value, shape.mostWords, null),
    tokens: Number.isInteger(token) && token < shape.nTokens ? [token] : state.tokens,
  }),
  find: (state, { value }) => (value in SEARCHES ? { ...state, search: value, pen: SEARCHES[value] } : state),
};

/** The state after an action {type, …}; the same object where nothing changes. */
export function talkStep(state, action, shape) {
  const choice = TALK_CHOICES[action.type];
  if (choice && !choice.includes(action.value)) return state;
  if (!choice && !TALK_MOVES[action.type]) return steeringStep(state, action, shape);
  const next = choice ? { ...state, [action.type]: action.value } : TALK_MOVES[action.type](state, action, shape);
  return Object.keys(next).every((key) => next[key] === state[key] || JSON.stringify(next[key]) === JSON.stringify(state[key])) ? state : next;
}

/** Whether the boxes that are ticked leave any token at which something is turned. */
export function actsSomewhere({ kinds, whens }) {
  return kinds.some((kind) => whens.includes(kind === 'generated' ? 'decode' : 'prefill'));
}

/** All that is sent with `talk`. */
export function turnOf({ chips, kinds, whens, keepError, control, temperature, seed, most }) {
  return {
    chips: chips.map(({ latent, how, amount }) => ({ latent, how, amount })),
    where: [...kinds],
    when: [...whens],
    keep_error: keepError,
    control,
    temperature,
    seed,
    most,
  };
}

/** One text for each different turn. */
export function turnKey(turn) {
  if (!turn) return '';
  const chips = turn.chips.map(({ latent, how, amount }) => [latent, how, how === 'ablate' ? 0 : amount]);
  return JSON.stringify([chips, turn.where, turn.when, turn.keep_error, turn.control, turn.temperature, turn.seed, turn.most]);
}

/** The part of the state that a link restores; the turn travels by itself. */
export function talkView({ tokens, latent, section, overlay, word, layer }) {
  return { tokens, latent, section, overlay, word, layer };
}
