// What the visitor sees and asks for, as one plain object, and every step that changes it. No drawing, no fetching.

import { moveToken } from '../shared/geometry.js';
import { cleanChip } from './rack.js';

const CHOICES = {
  sort: ['activation', 'effect'],
  pool: ['max', 'sum'],
  pen: ['select', 'fires', 'nots'],
  section: ['exemplars', 'histogram', 'classes', 'neighbours'],
  search: ['label', 'class', 'example'],
  marks: [true, false],
  keepError: [true, false],
};
const PENS = { select: 'tokens', fires: 'fires', nots: 'nots' };
const RIVAL = { fires: 'nots', nots: 'fires' };

/** The state before a visitor has touched anything. */
export function initialSteering() {
  return {
    tokens: [],
    fires: [],
    nots: [],
    pen: 'select',
    cursor: null,
    hover: null,
    sort: 'activation',
    pool: 'max',
    latent: null,
    pointed: null,
    section: 'exemplars',
    overlay: 0.8,
    marks: true,
    search: 'label',
    chips: [],
    where: 'all',
    rackTokens: [],
    keepError: true,
    lens: 'final',
  };
}

/** The latent whose heatmap is painted: one that is pointed at, else the chosen one. */
export function shownLatent({ pointed, latent }) {
  return pointed ?? latent;
}

/** What a state can be about, from the run of a value. */
export function steeringShape({ grid, n_prefix: nPrefix, prefix_names: prefixNames, sae, lens_labels: lensLabels }, wheres) {
  return {
    rows: grid[0],
    cols: grid[1],
    nPrefix,
    prefixNames: prefixNames ?? [],
    nTokens: nPrefix + grid[0] * grid[1],
    dSae: sae.d_sae,
    lensLabels: lensLabels ?? [],
    wheres,
  };
}

function tokensIn(tokens, shape) {
  const whole = Array.isArray(tokens) ? tokens.filter((token) => Number.isInteger(token) && token >= 0 && token < shape.nTokens) : [];
  return [...new Set(whole)].sort((a, b) => a - b);
}

function latentIn(latent, shape) {
  return Number.isInteger(latent) && latent >= 0 && latent < shape.dSae ? latent : null;
}

function lensIn(lens, shape) {
  return shape.lensLabels.includes(lens) ? lens : (shape.lensLabels.at(-1) ?? 'final');
}

function whereIn(where, shape) {
  return shape.wheres.includes(where) ? where : (shape.wheres[0] ?? 'all');
}

// Whatever was asked for, kept within what this SAE and picture offer.
function fitted(state, shape) {
  const next = {
    ...state,
    latent: latentIn(state.latent, shape),
    pointed: null,
    hover: null,
    lens: lensIn(state.lens, shape),
    where: whereIn(state.where, shape),
  };
  for (const name of ['tokens', 'fires', 'nots', 'rackTokens']) next[name] = tokensIn(state[name], shape);
  if (next.where === 'list' && !next.rackTokens.length) next.where = shape.wheres[0] ?? 'all';
  next.cursor = tokensIn([state.cursor], shape)[0] ?? null;
  next.chips = state.chips.map((chip) => cleanChip(chip, shape.dSae)).filter(Boolean);
  return next;
}

function restored(state, view, shape) {
  const next = { ...state };
  for (const name of ['sort', 'pool', 'section', 'marks']) if (CHOICES[name].includes(view[name])) next[name] = view[name];
  if (Array.isArray(view.tokens)) next.tokens = view.tokens;
  if ('latent' in view) next.latent = view.latent;
  if (Number.isFinite(view.overlay)) next.overlay = Math.max(0, Math.min(1, view.overlay));
  if (typeof view.lens === 'string') next.lens = view.lens;
  return fitted(next, shape);
}

function withRack(state, { rack }, shape) {
  if (!rack) return fitted({ ...state, chips: [], where: shape.wheres[0] ?? 'all', rackTokens: [], keepError: true }, shape);
  return fitted(
    {
      ...state,
      chips: rack.chips ?? [],
      where: rack.where ?? 'all',
      rackTokens: rack.tokens ?? [],
      keepError: rack.keep_error !== false,
      lens: rack.lens ?? state.lens,
    },
    shape,
  );
}

// Tokens into the set of the pen that is held; what fires here cannot be "not there" too.
function penned(state, { tokens, mode, pen = state.pen }, shape) {
  const name = PENS[pen];
  const given = tokensIn(tokens, shape);
  const old = new Set(mode === 'replace' ? [] : state[name]);
  for (const token of given) {
    if (mode === 'toggle' && old.has(token)) old.delete(token);
    else if (mode === 'remove') old.delete(token);
    else old.add(token);
  }
  const next = { ...state, [name]: [...old].sort((a, b) => a - b) };
  const rival = RIVAL[pen];
  if (rival) next[rival] = state[rival].filter((token) => !old.has(token));
  return next;
}

function movedCursor(state, { key, extend }, shape) {
  const cursor = moveToken(shape, state.cursor, key);
  const next = { ...state, cursor, hover: null };
  return extend ? penned(next, { tokens: [state.cursor ?? cursor, cursor], mode: 'add' }, shape) : next;
}

function changedChip(state, { latent, ...change }, shape) {
  return { ...state, chips: state.chips.map((chip) => (chip.latent === latent ? cleanChip({ ...chip, ...change, latent }, shape.dSae) : chip)) };
}

function addedChip(state, { latent, how, amount }, shape) {
  if (state.chips.some((chip) => chip.latent === latent)) return state;
  const chip = cleanChip({ latent, how, amount }, shape.dSae);
  return chip ? { ...state, chips: [...state.chips, chip] } : state;
}

const MOVES = {
  fit: (state, _, shape) => fitted(state, shape),
  restore: (state, { view }, shape) => restored(state, view, shape),
  rack: withRack,
  overlay: (state, { value }) => ({ ...state, overlay: Math.max(0, Math.min(1, Number(value) || 0)) }),
  lens: (state, { value }, shape) => ({ ...state, lens: lensIn(value, shape) }),
  where: (state, { value }, shape) => {
    if (!shape.wheres.includes(value) || (value === 'list' && !state.tokens.length && !state.rackTokens.length)) return state;
    return { ...state, where: value, rackTokens: value === 'list' && state.tokens.length ? state.tokens : state.rackTokens };
  },
  hover: (state, { token }) => ({ ...state, hover: token }),
  point: (state, { latent }, shape) => ({ ...state, pointed: latentIn(latent, shape) }),
  latent: (state, { latent }, shape) => ({ ...state, latent: latentIn(latent, shape), pointed: null }),
  paint: penned,
  cursor: (state, { token }, shape) => ({ ...state, cursor: tokensIn([token], shape)[0] ?? null }),
  moveCursor: movedCursor,
  press: (state, { mode }, shape) => (state.cursor === null ? state : penned(state, { tokens: [state.cursor], mode }, shape)),
  clear: (state) => ({ ...state, [PENS[state.pen]]: [] }),
  clearExample: (state) => ({ ...state, fires: [], nots: [] }),
  escape: (state) => ({ ...state, hover: null, pointed: null, ...(state.tokens.length ? { tokens: [] } : { latent: null }) }),
  addChip: addedChip,
  chip: changedChip,
  removeChip: (state, { latent }) => ({ ...state, chips: state.chips.filter((chip) => chip.latent !== latent) }),
  clearChips: (state) => ({ ...state, chips: [] }),
};

function alike(a, b) {
  return a === b || (a !== null && b !== null && typeof a === 'object' && typeof b === 'object' && JSON.stringify(a) === JSON.stringify(b));
}

/** The state after an action {type, …}; the same object where nothing changes. shape is that of `steeringShape`. */
export function steeringStep(state, action, shape) {
  const choice = CHOICES[action.type];
  const step = MOVES[action.type];
  if (!choice && !step) throw new Error(`there is no step "${action.type}"`);
  if (choice && !choice.includes(action.value)) return state;
  let next = choice ? { ...state, [action.type]: action.value } : step(state, action, shape);
  if (action.type === 'search' && action.value !== 'example') next = { ...next, pen: 'select' };
  if (action.type === 'search' && action.value === 'example') next = { ...next, pen: 'fires' };
  return Object.keys(next).every((key) => alike(next[key], state[key])) ? state : next;
}

/** The part of the state that a link restores; the rack travels by itself. */
export function steeringView({ tokens, sort, pool, latent, section, overlay, marks, lens }) {
  return { tokens, sort, pool, latent, section, overlay, marks, lens };
}
