// Places in a model that can be put in: which part of which layer, at which tokens, and what each is called.

import { tokenName } from '../shared/geometry.js';

const SITE_WORDS = {
  z: { head: 'computed', layer: 'heads computed' },
  result: { head: 'wrote', layer: 'heads wrote' },
  pattern: { head: 'looked at', layer: 'heads looked at' },
  scores: { head: 'scored', layer: 'heads scored' },
  q: { head: 'looked for', layer: 'heads looked for' },
  k: { head: 'could be found by', layer: 'heads could be found by' },
  v: { head: 'had to hand over', layer: 'heads had to hand over' },
  attn_out: { layer: 'attention wrote' },
  mlp_out: { layer: 'MLP wrote' },
  post: { layer: 'MLP neurons computed' },
};
const STREAM_WORDS = { resid_pre: 'carried into', resid_mid: 'carried past the attention of', resid_post: 'carried out of' };

/** What a run offers: {rows, cols, nPrefix, prefixNames, nTokens, nLayers, nHeads, sites, tokens}; `tokens` are the only ones that maps are of, null for any. */
export function patchShape(run) {
  const [rows, cols] = run.grid;
  return { rows, cols, nPrefix: run.n_prefix, prefixNames: run.prefix_names ?? [], nTokens: run.n_prefix + rows * cols,
    nLayers: run.n_layers, nHeads: run.n_heads, sites: run.sites ?? [], tokens: run.tokens ?? null };
}

/** A token selector without two names for one thing: CLS is "cls", also where it is given as index 0. */
export function plainToken(shape, token) {
  if (token === null || token === undefined) return 'all';
  return token === 0 && shape.nPrefix > 0 ? 'cls' : token;
}

/** A text that two chips share exactly if they put the same thing in. */
export function chipKey(shape, { site, layer, head, token }) {
  return [site, layer ?? '', head ?? '', plainToken(shape, token)].join('.');
}

/** The text of a whole list of chips, in whatever order they were chosen. */
export function chipsKey(shape, chips) {
  return chips.map((chip) => chipKey(shape, chip)).sort().join(' ');
}

/** The list with a chip put in, or taken out where it is in it already. */
export function toggledChips(shape, chips, chip) {
  const key = chipKey(shape, chip);
  const rest = chips.filter((other) => chipKey(shape, other) !== key);
  return rest.length < chips.length ? rest : [...chips, chip];
}

/** A chip with only the fields that say what is put in. */
export function bareChip({ site, layer, head, token }) {
  return { site, layer: layer ?? null, head: head ?? null, token: token ?? 'all' };
}

/** What a token selector is called: "CLS", "every token", "all patches", "row 4, column 3". */
export function selectorName(shape, token) {
  const plain = plainToken(shape, token);
  if (plain === 'cls') return shape.prefixNames[0] ?? 'CLS';
  if (plain === 'all') return 'every token';
  return plain === 'patches' ? 'all patches' : tokenName(shape, plain);
}

/** The short name of a head or layer: "L4 H2", "L4". */
export function placeShort({ layer, head }) {
  return [layer === null || layer === undefined ? null : `L${layer}`, head === null || head === undefined ? null : `H${head}`]
    .filter(Boolean).join(' ') || 'all layers';
}

/** The label of a chip: "L4 H2 · z at CLS". */
export function chipLabel(shape, chip) {
  return `${placeShort(chip)} · ${chip.site} at ${selectorName(shape, chip.token)}`;
}

function where(shape, token) {
  const plain = plainToken(shape, token);
  if (plain === 'cls') return '';
  if (plain === 'all') return ' at every token';
  if (plain === 'patches') return ' at all patches';
  return ` at ${plain < shape.nPrefix ? '' : 'the patch in '}${tokenName(shape, plain)}`;
}

/** A head or layer as the owner of something: "layer 4’s head 2", "layer 4’s". */
export function ownerWords({ layer, head }) {
  const hasHead = head !== null && head !== undefined;
  if (layer === null || layer === undefined) return hasHead ? `head ${head} of every layer` : 'every layer’s';
  return hasHead ? `layer ${layer}’s head ${head}` : `layer ${layer}’s`;
}

/** What a chip puts in, as the object of a sentence: "what layer 4’s head 2 computed". CLS, the default, goes without saying. */
export function chipWords(shape, chip) {
  const { site, layer, head } = chip;
  const at = where(shape, chip.token);
  if (STREAM_WORDS[site]) return `everything ${STREAM_WORDS[site]} ${layer === null || layer === undefined ? 'each layer' : `layer ${layer}`}${at}`;
  const words = SITE_WORDS[site] ?? { head: `held in ${site}`, layer: `${site} held` };
  const hasHead = head !== null && head !== undefined && words.head;
  return `what ${ownerWords(hasHead ? chip : { layer })} ${hasHead ? words.head : words.layer}${at}`;
}

/** Several things in one sentence: "a", "a and b", "a, b and c"; beyond `most` only how many more. */
export function listWords(items, most = 3) {
  if (items.length > most) return `${items.slice(0, most - 1).join(', ')} and ${items.length - most + 1} more`;
  if (items.length < 2) return items[0] ?? '';
  return `${items.slice(0, -1).join(', ')} and ${items.at(-1)}`;
}

/** What all chips put in: told one by one, heads of one kind together ("what layer 3’s head 1 and layer 4’s head 2 computed"). */
export function chipsWords(shape, chips) {
  const first = chips[0];
  const isHead = ({ head }) => head !== null && head !== undefined;
  const alike = chips.every((chip) => isHead(chip) && chip.site === first.site && plainToken(shape, chip.token) === plainToken(shape, first.token));
  if (chips.length < 2 || !alike || !SITE_WORDS[first.site]?.head) return listWords(chips.map((chip) => chipWords(shape, chip)));
  return `what ${listWords(chips.map(ownerWords))} ${SITE_WORDS[first.site].head}${where(shape, first.token)}`;
}
