import assert from 'node:assert/strict';
import { test } from 'node:test';

import { countAt, decodeActs, decodeEffect, heatOf, peakOf } from '../../apps/common/widgets/steering/acts.js';
import { checkColumns, factsOf, labelWords, timesText, unitWords } from '../../apps/common/widgets/steering/columns.js';
import { activeLatents, exampleScores, labelled } from '../../apps/common/widgets/steering/ranking.js';

// Three tokens: CLS has latent 2; the first patch latents 0 and 2; the second one none.
function bytes({ offsets, latents, acts }) {
  const buffer = new ArrayBuffer(4 * (offsets.length + latents.length + acts.length));
  new Uint32Array(buffer, 0, offsets.length).set(offsets);
  new Uint32Array(buffer, 4 * offsets.length, latents.length).set(latents);
  new Float32Array(buffer, 4 * (offsets.length + latents.length), acts.length).set(acts);
  return buffer;
}
const BYTES = bytes({ offsets: [0, 1, 3, 3], latents: [2, 0, 2], acts: [4, 1, 2] });
const ACTS = decodeActs(BYTES, { nTokens: 3, nEntries: 3 });
const COLUMNS = { typical: [0.5, 1, 4, 1], label: ['dog', null, 'hot dog', 'cat'], emoji: ['🐶', null, '🌭', '🐱'], f1: [0.4, null, 0.9, 0.2] };

test('activations are read by token and told by latent', () => {
  assert.deepEqual([...ACTS.tokens], [0, 1, 1]);
  assert.deepEqual([...heatOf(ACTS, 2)], [4, 2, 0]);
  assert.deepEqual([...heatOf(ACTS, 1)], [0, 0, 0], 'a latent that is off');
  assert.deepEqual([0, 1, 2].map((token) => countAt(ACTS, token)), [1, 2, 0]);
  assert.equal(peakOf(heatOf(ACTS, 2)), 4);
  assert.equal(peakOf([]), 0);
});

test('bytes that do not fit are refused in one sentence', () => {
  assert.throws(() => decodeActs(BYTES, { nTokens: 3, nEntries: 4 }), /bytes where \d+ were expected/);
  const wrong = bytes({ offsets: [0, 3, 1, 3], latents: [2, 0, 2], acts: [4, 1, 2] });
  assert.throws(() => decodeActs(wrong, { nTokens: 3, nEntries: 3 }), /does not fit its own table/);
  assert.throws(() => decodeEffect(new ArrayBuffer(4), 3), /direct effects/);
  assert.throws(() => checkColumns({ typical: [1, 2] }, 3), /not what was expected/);
  assert.throws(() => checkColumns(null, 3), /not what was expected/);
  assert.equal(checkColumns(COLUMNS, 4), COLUMNS);
});

test('latents at the selected tokens, in units of the typical activation', () => {
  const all = activeLatents(ACTS, [], { columns: COLUMNS });
  assert.deepEqual(all.map(({ latent, act, ratio, count }) => [latent, act, ratio, count]), [[0, 1, 2, 1], [2, 4, 1, 2]]);
  assert.deepEqual(activeLatents(ACTS, [0], { columns: COLUMNS }).map(({ latent }) => latent), [2]);
  assert.deepEqual(activeLatents(ACTS, [2]), [], 'nothing is on there');
  const [sum] = activeLatents(ACTS, [0, 1], { columns: COLUMNS, pool: 'sum' }).filter(({ latent }) => latent === 2);
  assert.deepEqual([sum.act, sum.ratio], [6, 1.5]);
});

test('without typical activations the order is that of the activations themselves', () => {
  const rows = activeLatents(ACTS, []);
  assert.deepEqual(rows.map(({ latent }) => latent), [2, 0]);
  assert.ok(rows.every(({ ratio }) => Number.isNaN(ratio)));
});

test('by direct effect: the largest in size, or the sum', () => {
  const effect = Float32Array.from([0.5, 1, -3]);
  const by = (pool) => activeLatents(ACTS, [], { columns: COLUMNS, effect, pool, sort: 'effect' }).map(({ latent, effect: value }) => [latent, value]);
  assert.deepEqual(by('max'), [[2, -3], [0, 1]]);
  assert.deepEqual(by('sum'), [[2, -2.5], [0, 1]]);
  const without = activeLatents(ACTS, [], { columns: COLUMNS, sort: 'effect' });
  assert.deepEqual([without[0].latent, without[0].effect], [0, NaN], 'no effects: by activation');
});

test('by example: what fires here and not there', () => {
  assert.deepEqual(exampleScores(ACTS, [], [0], COLUMNS), []);
  assert.deepEqual(exampleScores(ACTS, [1], [0], COLUMNS), [{ latent: 0, here: 2, there: 0, score: 2 }], 'latent 2 is on more there');
  assert.deepEqual(exampleScores(ACTS, [1], [], COLUMNS).map(({ latent }) => latent), [0, 2]);
  assert.equal(exampleScores(ACTS, [1, 2], [], COLUMNS)[0].score, 1, 'a mean over the patches, also those where it is off');
  assert.deepEqual(exampleScores(ACTS, [1], [], null).map(({ latent, score }) => [latent, score]), [[2, 2], [0, 1]]);
});

test('by label, by emoji, by number', () => {
  assert.deepEqual(labelled(COLUMNS, 'Dog', 4), [{ latent: 0, f1: 0.4 }, { latent: 2, f1: 0.9 }], 'the word itself comes before words that hold it');
  const near = { label: ['any category', 'cat', 'the cat'], f1: [0.9, 0.2, 0.1] };
  assert.deepEqual(labelled(near, 'cat', 3).map(({ latent }) => latent), [1, 2, 0]);
  assert.deepEqual(labelled(COLUMNS, '🐱', 4), [{ latent: 3, f1: 0.2 }]);
  assert.deepEqual(labelled(COLUMNS, 'latent 1', 4), [{ latent: 1, f1: null }]);
  assert.deepEqual(labelled(null, '3', 4), [{ latent: 3, f1: null }]);
  assert.deepEqual([labelled(COLUMNS, '9', 4), labelled(COLUMNS, ' ', 4), labelled(null, 'dog', 4)], [[], [], []]);
});

test('numbers in words: units, labels and their absence', () => {
  assert.equal(unitWords(COLUMNS, 0, 1), '2.0× typical');
  assert.equal(unitWords(null, 0, 1.234), 'activation 1.23');
  assert.deepEqual([timesText(0.043), timesText(0), timesText(12.34), timesText(123.4), timesText(-2), timesText(NaN)], ['0.04×', '0.0×', '12.3×', '123×', '−2.0×', '–']);
  assert.equal(labelWords(factsOf(COLUMNS, 2)), 'hot dog, F1 0.90');
  assert.equal(labelWords(factsOf(COLUMNS, 0)), 'perhaps dog, F1 0.40', 'a poor label is a hint');
  assert.equal(labelWords({ label: 'cat', f1: 0.03 }), 'hardly cat, F1 0.03', 'and a worse one hardly that');
  assert.equal(labelWords(factsOf(COLUMNS, 1)), 'no label');
  assert.equal(labelWords(factsOf(null, 1)), 'no label');
});
