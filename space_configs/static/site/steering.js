// SAE Steering without a server: turns of one latent that were tried beforehand answer what is asked.

import { mount } from '../widgets/steering.js';
import { answerFor } from './answered.js';
import { startPage, tell } from './page.js';
import { decodeTurns, nearestTurn, steeredValue, turnOf, turnText } from './turns.js';
import { fetchBuffer, fetchValue, once } from './values.js';

const HERE = 'Here, one latent of those that are on can be turned, by amounts that were computed before: the nearest is shown. '
  + 'Run the suite on your own computer to turn any, by any amount.';
const OFF = 'It is off in all pictures of this page, so its own page is not here.';
const root = new URL('../data/steering/', location.href).href.split('#')[0];

const indexAt = once(fetchValue);
const wordsAt = once(fetchValue);
const answersAt = once((home) => fetchValue(`${home}answers.json`));
const bufferAt = once(fetchBuffer);
const valueAt = once(fetchValue);

answerFor(/^(.*\/data\/steering\/[^/]+\/)effect\/(\d+)$/, async ([, home, index]) => {
  const [effects, { run }] = await Promise.all([bufferAt(`${home}effects`), valueAt(`${home}value.json`)]);
  const n = 4 * run.sae.acts.n_entries;
  return effects.slice(Number(index) * n, (Number(index) + 1) * n);
});

const named = ({ names, emoji }, index) => ({ index, name: names[index], emoji: emoji[index] });
const labelOf = ({ run }) => run.lens_labels.at(-1);

async function steered({ home, value }, turn, watched) {
  const { run } = value;
  const [{ racks }, buffer, words] = await Promise.all([answersAt(home), bufferAt(`${home}turns`), wordsAt(run.vocabulary)]);
  const nPatches = run.grid[0] * run.grid[1];
  const at = decodeTurns(buffer, { nRacks: racks.length, nClasses: words.names.length, nPatches });
  const row = turn ? racks.indexOf(turnText(turn, turn.where)) : 0;
  const nTokens = turn?.where === 'cls' ? 1 : run.n_prefix + nPatches;
  return steeredValue([at(0), at(1), at(row)], { words, watched, label: labelOf(value), nTokens });
}

function rackOf(value, turn) {
  const chips = turn ? [{ latent: turn.latent, how: turn.how, amount: turn.amount }] : [];
  return { chips, where: turn?.where ?? 'all', tokens: null, keep_error: true, lens: labelOf(value) };
}

function recipeOf({ guide }) {
  return guide ? turnText(guide.chips[0], guide.where) : null;
}

/** What was tried of a rack beyond its answer is of the recipe alone; the page's style says so. */
function markRecipe(page, turn, recipe) {
  const isIt = Boolean(recipe) && turn !== null && turnText(turn, turn.where) === recipeOf(page.value);
  document.body.dataset.recipe = String(isIt);
}

async function turnTo(page, turn, change = {}) {
  const { recipe } = await answersAt(page.home);
  const found = await steered(page, turn, (change.run ?? page.value.run).watched.index);
  markRecipe(page, turn, recipe);
  page.keep({ steer: turn ? turnText(turn, turn.where) : null });
  page.answer({ rack: rackOf(page.value, turn), steered: found, controls: null, general: null, ...change });
}

async function watch(page, index) {
  const words = await wordsAt(page.value.run.vocabulary);
  const run = { ...page.value.run, watched: named(words, index), effect: { url: `${page.home}effect/${index}` } };
  const turn = page.value.rack?.chips.length ? { ...page.value.rack.chips[0], where: page.value.rack.where } : null;
  await turnTo(page, turn, { run, rack_at: undefined });
  page.keep({ watch: index });
}

const ASKED = {
  async latent(page, { index }) {
    const { latents } = await indexAt(`${root}index.json`);
    const nothing = { index, state: 'none', text: OFF, exemplars: null, classes: null, neighbours: null, address: `?latent=${index}` };
    page.answer({ latent: latents.includes(index) ? await fetchValue(`${root}latents/${index}.json`) : nothing });
  },
  async search(page, { kind, text, index }) {
    const { by_class: found } = await indexAt(`${root}index.json`);
    if (kind === 'class') page.answer({ found: { ...found[index], query: { ...found[index].query, text } } });
  },
  async steer(page, { at, ...rack }) {
    const { racks } = await answersAt(page.home);
    const turn = nearestTurn(rack, racks);
    const [wanted] = rack.chips;
    const isIt = turn ? rack.chips.length === 1 && turnText(wanted, rack.where) === turnText(turn, turn.where) : !wanted;
    tell(isIt ? '' : HERE);
    await turnTo(page, turn, { rack_at: at });
  },
  watch: (page, { index }) => watch(page, index),
  async guide(page, { at }) {
    const isHere = page.value.guide.picture === page.value.run.image.title;
    if (!isHere) await page.go(document.querySelector('[data-picture]').dataset.picture);
    const { recipe } = await answersAt(page.home);
    const [chip] = page.value.guide.chips;
    const words = await wordsAt(page.value.run.vocabulary);
    const run = { ...page.value.run, watched: named(words, recipe.watched), effect: { url: `${page.home}effect/${recipe.watched}` } };
    await turnTo(page, { ...chip, where: page.value.guide.where }, { run, rack_at: at });
  },
  async controls(page) {
    page.answer({ controls: (await answersAt(page.home)).recipe?.controls ?? null });
  },
  async generality(page) {
    page.answer({ general: (await answersAt(page.home)).recipe?.general ?? null });
  },
  async compare(page, { id }) {
    page.answer({ other: (await answersAt(page.home)).others[id] ?? null });
  },
};

startPage({
  mount,
  folder: 'steering',
  firstView: true,
  onEvent: (page, name, data) => ASKED[name]?.(page, data)?.catch((error) => tell(error.message)),
  async opened(page, { steer, watch: watched }) {
    document.body.dataset.recipe = 'false';
    const latent = Number(new URLSearchParams(location.search).get('latent') ?? NaN);
    if (Number.isInteger(latent)) page.element.__steering.dispatch({ type: 'latent', latent });
    if (/^\d+$/.test(watched ?? '')) await watch(page, Number(watched));
    const turn = turnOf(steer);
    if (turn) page.element.__steering.dispatch({ type: 'rack', rack: rackOf(page.value, turn) });
  },
});
