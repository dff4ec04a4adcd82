// Racks that were tried beforehand: what each is called, which is nearest to one that a visitor makes, and what it did.

import { chanceOf, topAnswers } from './answers.js';

const SCALE = 65535;

/** A dial as an address has it: "993.clamp.-1.cls". */
export function turnText({ latent, how, amount }, where) {
  return [latent, how, how === 'ablate' ? 0 : amount, where].join('.');
}

/** {latent, how, amount, where} of such a text; null where it is none. */
export function turnOf(text) {
  const found = /^(\d+)\.([a-z]+)\.(-?\d+(?:\.\d+)?)\.([a-z]+)$/.exec(text ?? '');
  return found && { latent: Number(found[1]), how: found[2], amount: Number(found[3]), where: found[4] };
}

/**
 * The rack that was tried and is nearest to `rack`: of its newest latent the same kind of turn, at the same place where
 * there is one, with the nearest amount; null where that latent was never turned. An empty rack is its own.
 */
export function nearestTurn(rack, racks) {
  const wanted = rack.chips.at(-1);
  if (!wanted) return null;
  const distance = (turn) => 1000 * (turn.how !== wanted.how) + 100 * (turn.where !== rack.where) + Math.abs(turn.amount - (wanted.amount ?? 0));
  const turns = racks.map(turnOf).filter((turn) => turn?.latent === wanted.latent);
  return turns.sort((a, b) => distance(a) - distance(b))[0] ?? null;
}

/** Read `turns`: for each rack float32 logits[class], length, share; then uint16 chance[patch] and uint8 class[patch] of each. */
export function decodeTurns(buffer, { nRacks, nClasses, nPatches }) {
  const width = nClasses + 2;
  const numbers = new Float32Array(buffer, 0, nRacks * width);
  const chances = new Uint16Array(buffer, 4 * numbers.length, nRacks * nPatches);
  const classes = new Uint8Array(buffer, 4 * numbers.length + 2 * chances.length, nRacks * nPatches);
  return (row) => {
    const one = numbers.subarray(row * width, (row + 1) * width);
    const part = (from) => Array.from(from.subarray(row * nPatches, (row + 1) * nPatches));
    return { logits: one.subarray(0, nClasses), length: one[nClasses], share: one[nClasses + 1], classes: part(classes),
      chances: part(chances).map((code) => code / SCALE) };
  };
}

const COLUMNS = ['original', 'reconstruction', 'steered'];

/** The three columns as the widget reads them, from what `decodeTurns` gives for each. */
export function steeredValue(runs, { words, watched, label, nTokens }) {
  const [original] = runs;
  const column = ({ logits }) => {
    const top = topAnswers(logits, words).map((row) => ({ ...row, change: row.logit - original.logits[row.index] }));
    return { top, answer: { index: top[0].index, name: top[0].name, emoji: top[0].emoji } };
  };
  const each = (pick) => Object.fromEntries(COLUMNS.map((name, i) => [name, pick(runs[i])]));
  const { length, share } = runs[2];
  return {
    columns: each(column),
    watched: each(({ logits }) => logits[watched]),
    watched_probability: each(({ logits }) => chanceOf(logits, watched)),
    lens: { label, classes: each(({ classes }) => classes), probabilities: each(({ chances }) => chances) },
    norm: { length, share, n_tokens: nTokens },
  };
}
