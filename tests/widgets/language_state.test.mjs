import assert from 'node:assert/strict';
import { test } from 'node:test';

import { actsSomewhere, initialTalk, talkShape, talkStep, talkView, turnKey, turnOf } from '../../apps/common/widgets/language/talkstate.js';
import { createTalkAsking } from '../../apps/common/widgets/language/talkasking.js';

const SHAPE = talkShape({ grid: [2, 3], sae: { d_sae: 48 }, n_layers: 4, most_words: 120 }, 5);
const after = (...actions) => actions.reduce((state, action) => talkStep(state, action, SHAPE), initialTalk());

test('a shape counts patches and words', () => {
  assert.equal(SHAPE.nPatches, 6);
  assert.equal(SHAPE.nTokens, 11);
});

test('of boxes at least one stays ticked', () => {
  const none = after({ type: 'kind', value: 'image' }, { type: 'kind', value: 'prompt' }, { type: 'kind', value: 'generated' });
  assert.deepEqual(none.kinds, ['generated']);
  assert.deepEqual(after({ type: 'when', value: 'decode' }).whens, ['prefill']);
  assert.ok(!actsSomewhere(talkStep(none, { type: 'when', value: 'decode' }, SHAPE)));
  assert.ok(actsSomewhere(none));
});

test('the order of kinds does not depend on that of clicks', () => {
  const state = after({ type: 'kind', value: 'image' }, { type: 'kind', value: 'image' });
  assert.deepEqual(state.kinds, ['image', 'prompt', 'generated']);
  assert.equal(turnKey(turnOf(state)), turnKey(turnOf(initialTalk())));
});

test('numbers are kept within what is allowed', () => {
  assert.equal(after({ type: 'temperature', value: 9 }).temperature, 2);
  assert.equal(after({ type: 'seed', value: -3 }).seed, 0);
  assert.equal(after({ type: 'most', value: 500 }).most, 120);
  assert.equal(after({ type: 'most', value: NaN }).most, 1);
});

test('a turn from the server is taken whole', () => {
  const rack = { chips: [{ latent: 5, how: 'add', amount: -6 }, { latent: 99, how: 'add', amount: 1 }], where: ['image'], when: ['prefill'], keep_error: false,
    control: 'random', temperature: 0.5, seed: 3, most: 20 };
  const state = after({ type: 'rack', rack });
  assert.deepEqual(turnOf(state), { ...rack, chips: [rack.chips[0]] });
  assert.equal(turnKey(turnOf(after({ type: 'rack', rack }, { type: 'rack', rack }))), turnKey(turnOf(state)));
});

test('a word is chosen with its token, and a view comes back', () => {
  const state = after({ type: 'word', value: 2, token: 10 }, { type: 'layer', value: '3' });
  assert.deepEqual([state.word, state.tokens, state.layer], [2, [10], 3]);
  assert.deepEqual(talkView(talkStep(initialTalk(), { type: 'restore', view: talkView(state) }, SHAPE)), talkView(state));
  assert.equal(talkStep(state, { type: 'layer', value: 9 }, SHAPE), state);
});

test('steps of the picture work as they do beside one', () => {
  const state = after({ type: 'paint', tokens: [0, 7], mode: 'replace' }, { type: 'addChip', latent: 3 });
  assert.deepEqual(state.tokens, [0, 7]);
  assert.equal(state.chips.length, 1);
  assert.deepEqual(after({ type: 'paint', tokens: [11], mode: 'replace' }).tokens, []);
  assert.equal(after({ type: 'find', value: 'example' }).pen, 'fires');
  assert.throws(() => talkStep(initialTalk(), { type: 'fly' }, SHAPE));
});

test('a slider that is held sends nothing before it is let go', () => {
  const sent = [];
  let state = after({ type: 'addChip', latent: 3, how: 'add', amount: 1 });
  const asking = createTalkAsking({ onEvent: (name, data) => sent.push([name, data]), getState: () => state, changed: () => {}, getRun: () => 'run' });
  asking.hold();
  for (const amount of [2, 3, 4]) {
    const before = state;
    state = talkStep(state, { type: 'chip', latent: 3, amount }, SHAPE);
    asking.follow(before, state, () => true);
  }
  assert.deepEqual(sent, []);
  assert.ok(asking.isLate(Infinity));
  asking.release();
  assert.equal(sent.length, 1);
  assert.deepEqual([sent[0][0], sent[0][1].chips[0].amount, sent[0][1].run], ['talk', 4, 'run']);
  assert.ok(asking.waiting.talk && asking.isLate(sent[0][1].at - 1) && !asking.isLate(sent[0][1].at));
  asking.arrived(['talk'], true);
  assert.ok(asking.waiting.talk);
  asking.arrived(['talk'], false);
  assert.ok(!asking.waiting.talk);
  asking.ask('x');
  assert.ok(asking.waiting.ask && asking.waiting.talk);
  asking.arrived(['talk'], false, 1);
  assert.ok(asking.waiting.ask && !asking.waiting.talk);
  asking.arrived([], false, Number.MAX_SAFE_INTEGER);
  assert.ok(!asking.waiting.ask);
  asking.ask('y');
  asking.refused('ask');
  assert.ok(!asking.waiting.ask && !asking.waiting.talk);
  asking.reset();
});
