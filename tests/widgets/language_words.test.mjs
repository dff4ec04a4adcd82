import assert from 'node:assert/strict';
import { readFileSync } from 'node:fs';
import { test } from 'node:test';

import { unknownWords } from '../../apps/common/widgets/language/askbar.js';
import { gazeOf } from '../../apps/common/widgets/language/gaze.js';
import { TALK_GLOSSARY } from '../../apps/common/widgets/language/talkglossary.js';
import { actsOfPatches, decodeAttention } from '../../apps/common/widgets/language/talkloader.js';
import { saidColumns } from '../../apps/common/widgets/language/talktwins.js';
import { chosenWords } from '../../apps/common/widgets/language/texttokens.js';
import { heatLayout, heatRows } from '../../apps/common/widgets/language/tokenheat.js';
import { recipeWords } from '../../apps/common/widgets/language/turncard.js';
import { columnWords, diffCounts, diffWords, spokenWords } from '../../apps/common/widgets/language/worddiff.js';
import { decodeActs, heatOf } from '../../apps/common/widgets/steering/acts.js';

const words = (text) => text.split(' ');
const column = (text, state = 'done') => ({ words: words(text).map((t, i) => ({ t: ` ${t}`, i, p: 0.5 })), state, perplexity: 3.21 });
const HTML = readFileSync(new URL('../../apps/common/widgets/language/widget.html', import.meta.url), 'utf8');

test('a diff holds both answers, and as much in common as there is', () => {
  const diff = diffWords(words('there is a dog and a banana .'), words('there is a banana on the right .'));
  const of = (...ways) => diff.filter(({ way }) => ways.includes(way)).map(({ text }) => text).join(' ');
  assert.equal(of('same', 'gone'), 'there is a dog and a banana .');
  assert.equal(of('same', 'added'), 'there is a banana on the right .');
  assert.equal(diff.filter(({ way }) => way === 'same').length, 5);
  assert.deepEqual(diffCounts(diff), { gone: 3, added: 3, isSame: false });
  assert.ok(diffCounts(diffWords(['a'], ['a'])).isSame && diffCounts(diffWords([], [])).isSame);
});

test('a column says when it equals the original', () => {
  const original = column('there is a dog .');
  assert.equal(columnWords(column('there is a dog .'), original, 'steered').state, 'the same words as the original');
  assert.ok(columnWords(column('there is a dog .'), original, 'steered').isSame);
  assert.equal(columnWords(column('there is a cat .'), original, 'steered').state, '−1 +1 words');
  assert.equal(columnWords(column('there is a .'), original, 'steered').state, '−1 word');
  assert.equal(columnWords(column('there is', 'stopped'), original, 'steered').state, '−3 words; stopped here');
  assert.equal(columnWords(original, original, 'original').state, '5 words');
  assert.match(columnWords(column('there', 'speaking'), original, 'steered').state, /so far/);
  assert.equal(columnWords(original, original, 'original').strange, 'perplexity 3.2');
});

test('the token that ends an answer is no word', () => {
  assert.deepEqual(spokenWords([{ t: ' yes' }, { t: '.' }, { t: '' }]), ['yes', '.']);
});

test('the recipe tells what came of it', () => {
  const guide = { gone: ['dog'], kept: ['banana'] };
  const original = column('a dog and a banana .');
  assert.match(recipeWords(guide, { original, steered: column('a banana .') }, true), /does not say “dog” any more and still says “banana”\./);
  assert.match(recipeWords(guide, { original, steered: original }, true), /still says what it should have lost/);
  assert.match(recipeWords(guide, { original, steered: column('a tree .') }, true), /it has lost “banana” too/);
  assert.equal(recipeWords(guide, { original, steered: column('a', 'speaking') }, true), '');
  assert.equal(recipeWords(guide, { original, steered: original }, false), '');
});

test('unknown words are told', () => {
  assert.equal(unknownWords([]), '');
  assert.match(unknownWords(['unicorn']), /the word “unicorn”; it reads it as/);
  assert.match(unknownWords(['a', 'b']), /the words “a”, “b”; it reads each as/);
});

function acts() {
  const [offsets, latents, values] = [[0, 1, 2, 4], [7, 9, 7, 5], [1, 2, 3, 4]];
  const buffer = new ArrayBuffer(4 * 4 + 8 * 4);
  new Uint32Array(buffer, 0, 4).set(offsets);
  new Uint32Array(buffer, 16, 4).set(latents);
  new Float32Array(buffer, 32, 4).set(values);
  return decodeActs(buffer, { nTokens: 3, nEntries: 4 });
}

test('the activations at patches are those of the first tokens', () => {
  const part = actsOfPatches(acts(), 2);
  assert.deepEqual([...heatOf(part, 7)], [1, 0]);
  assert.deepEqual([...heatOf(part, 9)], [0, 2]);
  assert.deepEqual([...heatOf(acts(), 7)], [1, 0, 3]);
});

test('attention is read layer by layer', () => {
  const buffer = Float32Array.from({ length: 12 }, (_, i) => i).buffer;
  const found = decodeAttention(buffer, { nLayers: 2, nHeads: 2, nPatches: 3 });
  assert.deepEqual(found.heads(1).map((row) => [...row]), [[6, 7, 8], [9, 10, 11]]);
  assert.throws(() => decodeAttention(buffer, { nLayers: 2, nHeads: 2, nPatches: 4 }));
  assert.deepEqual(gazeOf(Float32Array.from([0.1, 0.4, 0.2])).best, 1);
  assert.ok(Math.abs(gazeOf(Float32Array.from([0.1, 0.4, 0.2])).share - 0.7) < 1e-6);
});

test('the map finds each token where it draws it', () => {
  for (const width of [320, 900]) {
    const layout = heatLayout(144, 30, width);
    for (const token of [0, 77, 143, 144, 160, 173]) {
      const { x, width: each } = layout.columnOf(token);
      assert.equal(layout.tokenAt(x + each / 2), token);
      assert.ok(x + each <= width + 1e-6);
    }
    assert.equal(layout.tokenAt(layout.total + 5), null);
  }
});

test('the map shows what is turned and open first', () => {
  const columns = { typical: Array.from({ length: 12 }, () => 2) };
  const scene = { state: { chips: [{ latent: 9 }], latent: 5, tokens: [] }, assets: { all: acts(), columns } };
  assert.deepEqual(heatRows(scene).map(({ latent }) => latent), [9, 5, 7]);
  assert.deepEqual([...heatRows(scene)[2].heat], [0.5, 0, 1.5]);
});

test('what is selected is said', () => {
  const scene = (tokens) => ({ shape: { rows: 1, cols: 2, nPrefix: 0, nPatches: 2 }, texts: [{ text: 'dog' }], state: { tokens, pen: 'select', fires: [], nots: [] } });
  assert.equal(chosenWords(scene([2])), 'Selected: “dog”.');
  assert.equal(chosenWords(scene([0, 1, 2])), 'Selected: 2 patches and 1 word.');
  assert.match(chosenWords(scene([])), /Nothing selected/);
});

test('the table of words has a row for each place', () => {
  const made = saidColumns({ original: column('a b c'), steered: column('a') });
  assert.deepEqual(made.map(({ id }) => id), ['place', 'original', 'originalP', 'steered', 'steeredP']);
  assert.deepEqual(made[3].values, ['a', '', '']);
});

test('every term that is asked for is explained, and none is left over', () => {
  const asked = new Set([...HTML.matchAll(/data-term="(\w+)"/g)].map(([, term]) => term));
  for (const term of asked) assert.ok(TALK_GLOSSARY[term]?.title && TALK_GLOSSARY[term]?.text, term);
  for (const term of Object.keys(TALK_GLOSSARY)) assert.ok(asked.has(term), `${term} is never asked for`);
});
