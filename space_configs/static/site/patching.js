// Cat–Dog Patching without a server: sweeps, sets and searches that were computed beforehand answer what is asked.

import { mount } from '../widgets/patching.js';
import { topAnswers } from './answers.js';
import { startPage, tell } from './page.js';
import { chipsOf, knownSet, setText } from './sets.js';
import { fetchBuffer, fetchValue, once } from './values.js';

const ELSEWHERE = 'run the suite on your own computer for any other';
const ONE = 'Here, two or three heads at CLS can be put in together, or one part by itself: the newest stays. Run the suite on your own computer for more.';
const NO_SEARCH = `On this page the search is among what heads computed (z); ${ELSEWHERE}.`;
const NO_TRIAL = `On this page what the search found was tried, and nothing else; put that in, or ${ELSEWHERE}.`;

const answersAt = once(async (home) => {
  const answers = await fetchValue(`${home}answers.json`);
  return { ...answers, rows: new Map(answers.sets.map((text, row) => [text, row])) };
});
const logitsAt = once(async (home) => new Float32Array(await fetchBuffer(`${home}applied`)));
const wordsAt = once(fetchValue);
const evolutionAt = once((home) => fetchValue(`${home}evolution.json`));

async function applied({ home, value }, wanted) {
  const [answers, logits, words] = await Promise.all([answersAt(home), logitsAt(home), wordsAt(value.run.vocabulary)]);
  const chips = knownSet(wanted, answers.rows);
  const row = answers.rows.get(setText(chips));
  const n = words.names.length;
  const found = logits.subarray(row * n, (row + 1) * n);
  const { a, b } = value.run;
  return { chips, top: topAnswers(found, words), metric: found[a.index] - found[b.index], n_numbers: answers.numbers[row] };
}

async function sweep(page, { site, by, token }) {
  const { sweeps } = await answersAt(page.home);
  const found = sweeps[`${site}|${by.join()}|${token}`];
  if (found) return page.answer({ sweep: found });
  const [first] = Object.values(sweeps);
  tell(`This map was not computed; ${ELSEWHERE}.`);
  return page.answer({ sweep: first, view: { site: first.site, by: first.by.join(), layer: null, token: first.token } });
}

async function flip(page, { site, by, token }) {
  const { flips, reads } = await answersAt(page.home);
  const found = flips[`${site}|${by.join()}|${token}`];
  if (!found) return page.answer({ flip: { state: 'none', text: NO_SEARCH, members: [] } });
  const change = { flip: found };
  if (found.state === 'done' && !page.value.applied?.chips.length) {
    change.applied = await applied(page, found.members);
    page.keep({ patch: setText(change.applied.chips) });
  }
  const strongest = found.members.reduce((most, one) => (one.alone > (most?.alone ?? -Infinity) ? one : most), null);
  if (Number.isInteger(strongest?.head)) change.reads = reads[`${strongest.layer}.${strongest.head}`];
  return page.answer(change);
}

const ASKED = {
  sweep,
  flip,
  async apply(page, { chips }) {
    const { name } = page;
    const found = await applied(page, chips);
    if (name !== page.name) return;
    tell(found.chips.length < chips.length ? ONE : '');
    page.keep({ patch: setText(found.chips) });
    page.answer({ applied: found });
  },
  async reads(page, { layer, head }) {
    page.answer({ reads: (await answersAt(page.home)).reads[`${layer}.${head}`] });
  },
  async evolution(page, { token }) {
    const all = await evolutionAt(page.home);
    page.answer({ run: { ...page.value.run, evolution: all[token] } });
  },
  async generality(page) {
    const { general } = await answersAt(page.home);
    const chips = page.value.applied?.chips.length ? page.value.applied.chips : (page.value.flip?.members ?? []);
    const isTried = general && setText(chips) === general.sets;
    page.answer({ general: isTried ? general : { id: Date.now(), state: 'none', text: NO_TRIAL, members: [] } });
  },
};

startPage({
  mount,
  folder: 'patching',
  onEvent: (page, name, data) => ASKED[name]?.(page, data)?.catch((error) => tell(error.message)),
  opened(page, { patch }) {
    const among = page.element.querySelector('[data-part="among"] option[value="map"]');
    among?.remove(); // the cells of a map are searched by the suite alone
    const chips = chipsOf(patch);
    if (chips.length) page.element.__patching.dispatch({ type: 'chips', chips });
  },
});
