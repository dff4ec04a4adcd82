import assert from 'node:assert/strict';
import { test } from 'node:test';

import { attributionBars, closureWords, formatTiny, hasClosed, mostDifferentHeads, sublayerWords } from '../../apps/common/widgets/patching/attributiondata.js';
import { evolutionSentence, heightPlace, pointWords, rankHeight, stayAhead } from '../../apps/common/widgets/patching/evolutiondata.js';
import { intervalScale } from '../../apps/common/widgets/shared/intervals.js';
import { PATCHING_GLOSSARY } from '../../apps/common/widgets/patching/glossary.js';
import { lineScale } from '../../apps/common/widgets/patching/linescale.js';
import { readRange, readsSentence, strongestReads } from '../../apps/common/widgets/patching/readsdata.js';
import { readSweep } from '../../apps/common/widgets/patching/sweepdata.js';
import { placeChanges } from '../../apps/common/widgets/shared/toplist.js';
import { appliedWords, cellWords, closesAlone, flipSentence, formatWay, generalSentence, membersWords, proofSentence, questionWords } from '../../apps/common/widgets/patching/words.js';
import { emojiPieces } from '../../apps/common/widgets/shared/dom.js';

const CAT = { index: 0, name: 'cat', emoji: '🐱' };
const DOG = { index: 1, name: 'dog', emoji: '🐶' };
const top = (...named) => named.map((one, i) => ({ ...one, logit: 3 - i, probability: 0.8 / (i + 1) }));
const SHAPE = { rows: 3, cols: 4, nPrefix: 1, prefixNames: ['CLS'], nTokens: 13, nLayers: 2, nHeads: 2, sites: [] };
const RUN = { a: CAT, b: DOG, control: null, metric: { clean: 2, corrupt: -8, name: 'cat − dog' }, clean: { title: 'c', top: top(CAT, DOG) }, corrupt: { title: 'd', top: top(DOG, CAT) } };
const DATA = readSweep({ site: 'z', by: ['layer', 'head'], layer: null, token: 'cls', clean: 2, corrupt: -8, preview: null,
  denoise: [[-8, 0.5], [-3, -9]], noise: [[2, -1], [null, 2.5]] }, SHAPE);
const plain = (text) => text.replaceAll('\u00a0', ' ');
const cell = (direction, at) => plain(cellWords({ run: RUN, data: DATA, shape: SHAPE, direction, cell: at, chip: { site: 'z', layer: at[0], head: at[1], token: 'cls' } }));

test('the question names both answers', () => {
  assert.equal(plain(questionWords(RUN)), 'The model answers 🐱 cat for the clean picture and 🐶 dog for the corrupt one. Which of its parts make the difference?');
  assert.match(questionWords({ ...RUN, corrupt: RUN.clean }), /for both pictures/);
  assert.match(questionWords({ ...RUN, clean: { top: null } }), /^Which parts/);
  assert.match(questionWords({ ...RUN, corrupt: RUN.clean, same: true }), /^Both pictures are the same/);
});

test('a cell is told by what it does', () => {
  assert.equal(cell('denoise', [0, 1]), 'Putting what layer 0’s head 1 computed for the clean picture into the other one puts 🐱 cat ahead of 🐶 dog.');
  assert.equal(cell('denoise', [1, 0]), 'Putting what layer 1’s head 0 computed for the clean picture into the other one moves the answer 50 % of the way towards 🐱 cat.');
  assert.match(cell('denoise', [0, 0]), /changes next to nothing\.$/);
  assert.match(cell('denoise', [1, 1]), /moves the answer away from 🐱 cat, by 10 % of the way\.$/);
  assert.equal(cell('noise', [0, 1]), 'Putting what layer 0’s head 1 computed for the corrupt picture into the clean one puts 🐶 dog ahead of 🐱 cat.');
  assert.match(cell('noise', [1, 0]), /not computed yet\.$/);
  assert.match(cell('noise', [1, 1]), /away from 🐶 dog, by 5 % of the way\.$/);
});

test('a flip of the two logits alone is not told as a new answer', () => {
  const run = { ...RUN, clean: { title: 'c', top: top({ index: 7, name: 'owl', emoji: '🦉' }, CAT) } };
  const text = plain(cellWords({ run, data: DATA, shape: SHAPE, direction: 'denoise', cell: [0, 1], chip: { site: 'z', layer: 0, head: 1, token: 'cls' } }));
  assert.match(text, /puts 🐱 cat ahead of 🐶 dog\.$/);
});

test('an estimate is called one', () => {
  const data = readSweep({ site: 'z', by: ['layer', 'head'], layer: null, token: 'cls', clean: 2, corrupt: -8, preview: [[-8, -3], [-3, -9]], denoise: null, noise: null }, SHAPE);
  assert.match(cellWords({ run: RUN, data, shape: SHAPE, direction: 'denoise', cell: [0, 1], chip: { site: 'z', layer: 0, head: 1, token: 'cls' } }), /, by the estimate\.$/);
});

test('what is put in is told by the answer that comes of it', () => {
  const chips = [{ site: 'z', layer: 0, head: 1, token: 'cls' }, { site: 'z', layer: 1, head: 0, token: 'cls' }];
  assert.equal(plain(appliedWords({ run: RUN, shape: SHAPE, applied: { chips, top: top(CAT, DOG), metric: 1 } })),
    'Putting what layer 0’s head 1 and layer 1’s head 0 computed for the clean picture into the other one turns 🐶 dog into 🐱 cat.');
  assert.match(plain(appliedWords({ run: RUN, shape: SHAPE, applied: { chips, top: top(DOG, CAT), metric: -3 } })),
    /moves the answer 50 % of the way towards 🐱 cat; the answer is still 🐶 dog \(80\.0 %\)\.$/);
});

test('a search says what it found and how sure that is', () => {
  const flip = { state: 'done', size: 3, n_numbers: 96, margin: 1.4, margin_before: -8, method: 'greedy', is_smallest: true, n_flipping: null, n_passes: 85.1, top: top(CAT, DOG), members: [] };
  assert.equal(plain(flipSentence({ run: RUN, flip })), '3 together are enough: 96 numbers from the clean picture turn 🐶 dog into 🐱 cat.');
  assert.match(flipSentence({ run: RUN, flip: { ...flip, size: 1, n_numbers: 64 } }), /^One is enough: 64 numbers/);
  assert.match(flipSentence({ run: RUN, flip: { ...flip, margin: -0.5 } }), /^No set was found .* misses by 0\.50\.$/);
  assert.equal(flipSentence({ run: RUN, flip: { state: 'none', text: 'both runs agree' } }), 'Both runs agree.');
  assert.match(proofSentence(flip), /Every smaller set was tried and none flips it.*greedy.* as much as 85 runs/);
  assert.match(proofSentence({ ...flip, is_smallest: false }), /a smaller set may exist/);
  assert.match(proofSentence({ ...flip, method: 'exact', n_flipping: 4 }), /^Exact: .* 4 sets of this size flip it/);
  assert.match(proofSentence({ ...flip, size: 1, method: 'exact', n_flipping: 1 }), /only one that does it alone/);
  assert.match(proofSentence({ ...flip, state: 'stopped' }), /^Stopped early/);
  assert.equal(closesAlone(flip, -4), 0.5);
  assert.equal(closesAlone(flip, 0), 1);
  assert.ok(Number.isNaN(closesAlone(flip, null)));
  assert.equal(membersWords(['L3H1', 'L4H0']), 'L3 H1 and L4 H0');
});

test('generality is judged against chance', () => {
  const general = { state: 'done', done: 80, total: 80, source: 'scenes', flip: { rate: 0.25, low: 0.16, high: 0.35 }, control: { flip: { rate: 0.01, low: 0, high: 0.02 } } };
  assert.match(plain(generalSentence({ general, run: RUN })), /20 of 80 pictures \(25 %; 95 % interval 16 % to 35 %\)\. For heads drawn at random it is 1 %\. More than chance, but on most/);
  assert.match(generalSentence({ general: { ...general, members: ['L3H1', 'L4H0'] }, run: RUN }), /^L3 H1 and L4 H0 flip the answer/);
  const chance = { ...general, control: { flip: { rate: 0.2, low: 0.1, high: 0.3 } } };
  assert.match(generalSentence({ general: chance, run: RUN }), /do not tell whether that is more than chance/);
  const below = { ...general, control: { flip: { rate: 0.3, low: 0.2, high: 0.4 } } };
  assert.match(generalSentence({ general: below, run: RUN }), /no more than chance/);
  assert.equal(generalSentence({ general: { state: 'none', done: 0, text: 'name a folder' }, run: RUN }), 'Name a folder.');
  assert.match(generalSentence({ general: { ...general, flip: { rate: 0.9, low: 0.8, high: 0.95 } }, run: RUN }), /it holds\.$/);
  assert.match(generalSentence({ general: { state: 'running', done: 0, total: 80 }, run: RUN }), /^Running/);
  const { low, high, at } = intervalScale([{ low: -0.1, high: 0.4 }]);
  assert.deepEqual([low, high, at(-0.1), at(1)], [-0.1, 1, 0, 100]);
});

test('shares of the way have a sign and no false digits', () => {
  assert.deepEqual([0.746, -0.03, 0.001, -0.001, NaN].map((v) => plain(formatWay(v))), ['+75 %', '−3 %', '0 %', '0 %', '–']);
});

test('the corrupt run is always on the left', () => {
  for (const [corrupt, clean] of [[-8, 2], [8, -2], [-8, -2]]) {
    const scale = lineScale({ corrupt, clean, others: [null, corrupt + 0.5 * (clean - corrupt)] });
    assert.ok(scale.corrupt < scale.clean);
    assert.ok(Math.abs(scale.at((corrupt + clean) / 2) - 50) < 1e-9);
    assert.equal(scale.tie === null, corrupt < 0 === clean < 0);
  }
  assert.ok(lineScale({ corrupt: -8, clean: 2, others: [5] }).clean < 90, 'a patch may overshoot');
});

test('places that changed are counted from the other list', () => {
  const changes = placeChanges(top(CAT, DOG), top(DOG));
  assert.equal(changes.get(DOG.index), -1);
  assert.equal(changes.get(CAT.index), 'new');
});

test('the evolution is told by when the first class gets ahead for good', () => {
  assert.equal(stayAhead([[0, 1], [2, 1], [0, 1], [3, 1]]), 3);
  assert.equal(stayAhead([[2, 1], [3, 1]]), 0);
  assert.equal(stayAhead([[2, 1], [0, 1]]), null);
  assert.equal(heightPlace(rankHeight(41)), 42);
  const evolution = { token: 0, labels: ['0_pre', '0_mid', 'final'], clean: { logit: [[0, 1], [2, 1], [3, 1]], rank: [[1, 0], [0, 1], [0, 3]] },
    corrupt: { logit: [[0, 1], [0, 1], [0, 1]], rank: [[1, 0], [1, 0], [1, 0]] } };
  assert.equal(plain(evolutionSentence({ ...RUN, evolution }, 'CLS')),
    'Read out at CLS, 🐱 cat gets ahead of 🐶 dog for good after the attention of block 0 on the clean picture; on the corrupt one it never stays ahead.');
  assert.equal(pointWords({ ...RUN, evolution }, 2, 'rank'), 'After the last block: clean 🐱 1  🐶 4; corrupt 🐱 2  🐶 1');
  assert.match(pointWords({ ...RUN, evolution }, 2, 'difference'), /clean 2\.00; corrupt −1\.00$/);
});

test('bars gather what belongs to one sublayer, and the badge tells whether they add up', () => {
  const side = (values, error = 1e-7) => ({ components: ['embed', '0_attn_out', '0_attn_out', '0_mlp_out'].map((sublayer, i) => ({ label: `${i}`, sublayer, value: values[i] })),
    heads: [[values[1], values[2]]], total: 0, metric: 2.25, error });
  const dla = { clean: side([1, 2, 3, 4]), corrupt: side([1, 1.5, 0, 4]) };
  assert.deepEqual(attributionBars(dla)[1], { sublayer: '0_attn_out', clean: 5, corrupt: 1.5 });
  assert.deepEqual(mostDifferentHeads(dla, 1), [{ layer: 0, head: 1, clean: 3, corrupt: 0 }]);
  assert.deepEqual([sublayerWords('11_mlp_out').short, sublayerWords('3_attn_out').long, sublayerWords('ln_final bias').long], ['11m', 'attention of layer 3', 'ln_final bias']);
  assert.equal(closureWords(dla.clean, '+2.25'), 'sums to the logit difference +2.25, error 1e−7');
  assert.ok(!hasClosed(side([1, 2, 3, 4], 0.4)));
  assert.match(closureWords(side([1, 2, 3, 4], 0.4), '+2.25'), /does not add up: 4e−1/);
  assert.deepEqual([formatTiny(0), formatTiny(-4.77e-7)], ['0', '5e−7']);
});

test('what a head reads is told by its strongest tokens', () => {
  const values = [0.5, 0, 0.3, ...new Array(10).fill(0.02)];
  assert.deepEqual(strongestReads(values, 2).map(({ token }) => token), [0, 2]);
  assert.equal(readsSentence(SHAPE, 'attention', values), 'CLS reads mostly CLS (50.0 %), row 1, column 2 (30.0 %), row 1, column 3 (2.0 %).');
  assert.match(readsSentence({ ...SHAPE, nPrefix: 0, prefixNames: [] }, 'attention', [0.4, 0.1]), /^The average patch reads mostly row 1, column 1/);
  assert.equal(readsSentence(SHAPE, 'attribution', [0, 0, null]), 'Nothing at all.');
  assert.match(readsSentence(SHAPE, 'attribution', [0, -1.5, 0]), /row 1, column 1 \(−1\.50\)/);
  assert.equal(readRange([values, [9, 0.1]], 1), 0.3, 'CLS does not set the scale of the patches');
  assert.equal(readRange([[0.5, 0], [0.2, 0]], 1), 0.5);
});

test('emoji are told apart from text, digits and signs are not emoji', () => {
  assert.deepEqual(emojiPieces('turns 🐶 dog into 👩‍🚀!').filter(({ isEmoji }) => isEmoji).map(({ text }) => text), ['🐶', '👩‍🚀']);
  assert.deepEqual(emojiPieces('+2.25 (3 %) ✓ ◆ −1').map(({ isEmoji }) => isEmoji), [false]);
});

test('every word that has a button is explained', async () => {
  const { readFileSync } = await import('node:fs');
  const html = readFileSync(new URL('../../apps/common/widgets/patching/widget.html', import.meta.url), 'utf8');
  const asked = new Set([...html.matchAll(/data-term="(\w+)"/g)].map(([, term]) => term));
  assert.deepEqual([...asked].filter((term) => !PATCHING_GLOSSARY[term]), []);
  assert.deepEqual(Object.keys(PATCHING_GLOSSARY).filter((term) => !asked.has(term)), [], 'and nothing is explained that nobody can ask for');
});
