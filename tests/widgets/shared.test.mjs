import assert from 'node:assert/strict';
import { mock, test } from 'node:test';

import { formatLogit, formatMargin, formatPercent, formatPercentShort, formatRank } from '../../apps/common/widgets/shared/format.js';
import { hasColor } from '../../apps/common/widgets/shared/emoji.js';
import { fetchBytes, fetchJson } from '../../apps/common/widgets/shared/fetching.js';
import { createGate, createLatest, createLru, debounce } from '../../apps/common/widgets/shared/schedule.js';
import { checkVocabulary, className, searchClasses } from '../../apps/common/widgets/shared/vocabulary.js';

const WORDS = {
  names: ['Egyptian cat', 'cat', 'catamaran', 'polecat', 'lion', 'tiger cat', 'Café table'],
  emoji: ['🐈', '🐱', '⛵', '🦡', '🦁', '🐯', '☕'],
  colors: new Array(7).fill('#123456'),
};

test('search ranks exact, prefix, whole word, then inside', () => {
  assert.deepEqual(searchClasses(WORDS, 'cat'), [1, 2, 5, 0, 3]);
  assert.deepEqual(searchClasses(WORDS, '  CAT '), [1, 2, 5, 0, 3], 'case and blanks do not matter');
  assert.deepEqual(searchClasses(WORDS, 'cat', 2), [1, 2]);
  assert.deepEqual(searchClasses(WORDS, 'cafe'), [6], 'nor do accents');
  assert.deepEqual(searchClasses(WORDS, '🦁'), [4]);
  assert.deepEqual(searchClasses(WORDS, ''), []);
  assert.deepEqual(searchClasses(WORDS, 'zebra'), []);
});

test('a class without a name still has something to call it', () => {
  assert.equal(className(WORDS, 4), 'lion');
  assert.equal(className(WORDS, 99), 'class 99');
  assert.throws(() => checkVocabulary({ names: ['a'], emoji: [], colors: ['#000000'] }), /not what was expected/);
  assert.throws(() => checkVocabulary({ ...WORDS, colors: new Array(7).fill('url(//x)') }), /not what was expected/);
  assert.equal(checkVocabulary(WORDS), WORDS);
  assert.throws(() => checkVocabulary(null), /not what was expected/);
});

test('numbers are written as people read them', () => {
  assert.deepEqual([formatLogit(-0.5), formatLogit(12.345), formatLogit(NaN)], ['−0.50', '12.35', '–']);
  assert.equal(formatLogit(-0.001), '0.00');
  assert.deepEqual([0.971, 0.0003, 0.00001, 0, 1].map(formatPercent), ['97.1 %', '0.03 %', '< 0.01 %', '0.00 %', '100.0 %']);
  assert.deepEqual([0.97, 0.003, 0.0001].map(formatPercentShort), ['97', '0.3', '<.1']);
  assert.deepEqual([2.31, -0.4].map(formatMargin), ['+2.31', '−0.40']);
  assert.deepEqual([0, 1, 2, 3, 10, 11, 20, 111].map((rank) => formatRank(rank, 200).split(' ')[0]),
    ['1st', '2nd', '3rd', '4th', '11th', '12th', '21st', '112th']);
});

test('debounce waits for a pause and can be called off', () => {
  mock.timers.enable({ apis: ['setTimeout'] });
  const calls = [];
  const later = debounce((value) => calls.push(value), 300);
  later(1);
  mock.timers.tick(200);
  later(2);
  mock.timers.tick(299);
  assert.deepEqual(calls, []);
  mock.timers.tick(1);
  assert.deepEqual(calls, [2]);
  later(3);
  later.cancel();
  mock.timers.tick(1000);
  assert.deepEqual(calls, [2]);
  mock.timers.reset();
});

test('a reply that a later request overtook is stale', () => {
  const latest = createLatest();
  const first = latest.begin();
  assert.equal(first.isStale(), false);
  const second = latest.begin();
  assert.deepEqual([first.isStale(), second.isStale()], [true, false]);
  latest.cancel();
  assert.equal(second.isStale(), true);
});

test('the cache forgets what was used longest ago', () => {
  const cache = createLru(2);
  cache.set('a', 1);
  cache.set('b', 2);
  cache.get('a');
  cache.set('c', 3);
  assert.deepEqual(['a', 'b', 'c'].map((key) => cache.get(key)), [1, undefined, 3]);
});

test('a failed fetch is one sentence that begins with what failed', async () => {
  const answers = { gone: { status: 404, ok: false }, broken: { status: 500, ok: false }, page: { status: 200, ok: true, text: async () => '<html>' } };
  mock.method(globalThis, 'fetch', async (url) => {
    if (!(url in answers)) throw new TypeError('network');
    return answers[url];
  });
  await assert.rejects(fetchBytes('gone', 'The lens data'), /^Error: The lens data is no longer kept/);
  await assert.rejects(fetchBytes('broken', 'The mask'), /^Error: The mask could not be fetched \(status 500\)/);
  await assert.rejects(fetchBytes('offline', 'The picture'), /does not answer/);
  await assert.rejects(fetchJson('page', 'The list'), /not JSON/);
  mock.restoreAll();
});

test('colour is told from black ink', () => {
  const pixels = (...rgba) => new Uint8ClampedArray(rgba);
  assert.equal(hasColor(pixels(0, 0, 0, 255, 90, 90, 92, 255)), false);
  assert.equal(hasColor(pixels(220, 20, 40, 255)), true);
  assert.equal(hasColor(pixels(220, 20, 40, 10)), false, 'hardly there');
});

test('a map with sizes forgets the longest unused until the rest fits', () => {
  const kept = createLru(10, (value) => value.size);
  kept.set('a', { size: 4 });
  kept.set('b', { size: 4 });
  kept.get('a');
  kept.set('c', { size: 4 });
  assert.deepEqual(['a', 'b', 'c'].map(kept.has), [true, false, true]);
  kept.set('a', { size: 1 });
  kept.set('d', { size: 5 });
  assert.deepEqual(['a', 'c', 'd'].map(kept.has), [true, true, true], 'a value that replaces another counts once');
  kept.set('e', { size: 99 });
  assert.deepEqual(['a', 'e'].map(kept.has), [false, true], 'what is alone too large is kept alone');
});

test('a gate opens for each new key, and again after a reset', () => {
  const gate = createGate();
  assert.deepEqual([gate.opens('a'), gate.opens('a'), gate.opens('b')], [true, false, true]);
  gate.reset();
  assert.equal(gate.opens('b'), true);
});
