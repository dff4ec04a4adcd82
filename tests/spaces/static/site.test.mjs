import assert from 'node:assert/strict';
import { test } from 'node:test';

import { addressOf, readAddress } from '../../../space_configs/static/site/address.js';
import { chanceOf, topAnswers } from '../../../space_configs/static/site/answers.js';
import { chipsOf, knownSet, setText } from '../../../space_configs/static/site/sets.js';
import { decodeTurns, nearestTurn, steeredValue, turnOf, turnText } from '../../../space_configs/static/site/turns.js';
import { absolute } from '../../../space_configs/static/site/values.js';

const WORDS = { names: ['cat', 'dog', 'toilet'], emoji: ['🐈', '🐕', '🚽'] };

test('an address comes back as it was, and what is not readable is no view', () => {
  const fields = { picture: 'cat-in-toilet', view: { layer: 3, token: null }, steer: '993.clamp.-1.cls' };
  assert.deepEqual(readAddress(`#${addressOf(fields)}`), fields);
  assert.deepEqual(readAddress('#picture=x&view=%7Bnot'), { picture: 'x', view: null });
  assert.deepEqual(readAddress('#view=7'), { view: null });
  assert.deepEqual(readAddress(''), { view: null });
  assert.equal(addressOf({ picture: 'x', view: null, steer: '' }), 'picture=x');
});

test('addresses in a value are read from where it lies, and nothing else is touched', () => {
  const home = 'http://here/sub/data/lens/cat/value.json';
  const value = { urls: { lens: './lens', class: './class/', font: '../../font.woff2', mask: null }, names: ['./cat', 'a/b'], n: 3 };
  assert.deepEqual(absolute(value, home), {
    urls: { lens: 'http://here/sub/data/lens/cat/lens', class: 'http://here/sub/data/lens/cat/class/', font: 'http://here/sub/data/font.woff2', mask: null },
    names: ['http://here/sub/data/lens/cat/cat', 'a/b'], n: 3,
  });
});

test('answers are ordered, and their probabilities are of all classes', () => {
  const [first, second] = topAnswers(Float32Array.of(1, 3, 2), WORDS, 2);
  assert.deepEqual([first.name, second.name, first.emoji], ['dog', 'toilet', '🐕']);
  assert.ok(Math.abs(first.probability + second.probability + chanceOf([1, 3, 2], 0) - 1) < 1e-12);
  assert.equal(chanceOf([1, 3, 2], 1), first.probability);
});

test('a set has one name in whatever order it was put together', () => {
  const [a, b] = [{ site: 'z', layer: 4, head: 2, token: 'cls' }, { site: 'resid_pre', layer: 3, head: null, token: 17 }];
  assert.equal(setText([a, b]), 'resid-pre.3.x.17_z.4.2.cls');
  assert.equal(setText([b, a]), setText([a, b]));
  assert.equal(setText([{ ...a, token: 0 }]), setText([a]));
  assert.deepEqual(chipsOf(setText([a])), [a]);
  assert.deepEqual(chipsOf(setText([b])), [b]);
  assert.deepEqual(chipsOf('rubbish'), []);
  assert.deepEqual(chipsOf(undefined), []);
});

test('of parts that were not tried together the newest stays', () => {
  const chip = (head) => ({ site: 'z', layer: 4, head, token: 'cls' });
  const rows = new Map([['', 0], [setText([chip(1)]), 1], [setText([chip(1), chip(2)]), 2]]);
  assert.deepEqual(knownSet([chip(2), chip(1)], rows), [chip(2), chip(1)]);
  assert.deepEqual(knownSet([chip(2), chip(3), chip(1)], rows), [chip(1)]);
  assert.deepEqual(knownSet([chip(3)], rows), []);
});

test('a turn has a name, and the nearest one that was tried is found', () => {
  const racks = ['original', 'reconstruction', '5.add.-5.all', '5.add.5.all', '5.ablate.0.all', '9.clamp.-1.cls', '9.clamp.-0.5.cls'];
  const rack = (chips, where = 'all') => ({ chips, where });
  const nearest = (...asked) => nearestTurn(rack(...asked), racks);
  assert.equal(turnText(nearest([{ latent: 5, how: 'add', amount: 3.5 }]), 'all'), '5.add.5.all');
  assert.equal(turnText(nearest([{ latent: 5, how: 'add', amount: -9 }]), 'all'), '5.add.-5.all');
  assert.equal(nearest([{ latent: 5, how: 'ablate', amount: 0 }]).how, 'ablate');
  assert.equal(nearest([{ latent: 9, how: 'clamp', amount: -0.6 }], 'cls').amount, -0.5);
  assert.equal(nearest([{ latent: 9, how: 'clamp', amount: -1 }], 'all').where, 'cls');
  assert.equal(nearest([{ latent: 5, how: 'add', amount: 5 }, { latent: 9, how: 'clamp', amount: -1 }], 'cls').latent, 9);
  assert.equal(nearest([{ latent: 7, how: 'add', amount: 5 }]), null);
  assert.equal(nearest([]), null);
  assert.deepEqual(turnOf('9.clamp.-0.5.cls'), { latent: 9, how: 'clamp', amount: -0.5, where: 'cls' });
  assert.equal(turnOf('original'), null);
});

test('the three columns are told from logits and codes', () => {
  const [nRacks, nClasses, nPatches] = [3, 3, 2];
  const numbers = Float32Array.from([[1, 3, 2, 0, 0], [1, 2, 2, 0, 0], [4, 3, 2, 7, 0.5]].flat());
  const chances = Uint16Array.from([[65535, 0], [65535, 0], [13107, 0]].flat());
  const buffer = new Uint8Array([...new Uint8Array(numbers.buffer), ...new Uint8Array(chances.buffer), 1, 1, 1, 2, 0, 0]).buffer;
  const at = decodeTurns(buffer, { nRacks, nClasses, nPatches });
  const value = steeredValue([0, 1, 2].map(at), { words: WORDS, watched: 0, label: 'final', nTokens: 1 });
  assert.deepEqual(value.columns.steered.answer, { index: 0, name: 'cat', emoji: '🐈' });
  assert.equal(value.columns.steered.top[0].change, 3);
  assert.deepEqual([value.watched.original, value.watched.steered], [1, 4]);
  assert.deepEqual(value.lens.classes, { original: [1, 1], reconstruction: [1, 2], steered: [0, 0] });
  assert.deepEqual(value.lens.probabilities.steered, [0.2, 0]);
  assert.deepEqual(value.norm, { length: 7, share: 0.5, n_tokens: 1 });
});
