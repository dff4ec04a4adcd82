import assert from 'node:assert/strict';
import { mock, test } from 'node:test';

import { createSteerAsking } from '../../apps/common/widgets/steering/asking.js';
import { cleanChip, effectKey, isTurned, keptAmount, rackKey, rackOf, whereChoices } from '../../apps/common/widgets/steering/rack.js';
import { initialSteering, shownLatent, steeringShape, steeringStep, steeringView } from '../../apps/common/widgets/steering/state.js';

const RUN = { grid: [3, 4], n_prefix: 1, prefix_names: ['CLS'], sae: { d_sae: 100, tokens: 'all' }, lens_labels: ['0_pre', 'final'] };
const SHAPE = steeringShape(RUN, whereChoices('all', 1).map(({ id }) => id));
const steps = (state, ...actions) => actions.reduce((now, action) => steeringStep(now, action, SHAPE), state);
const START = steps(initialSteering(), { type: 'fit' });
const paint = (tokens, mode = 'replace', rest = {}) => ({ type: 'paint', tokens, mode, ...rest });

test('tokens are selected, added, toggled and removed, and stay in order', () => {
  const some = steps(START, paint([7, 3, 3, 99]));
  assert.deepEqual(some.tokens, [3, 7]);
  assert.deepEqual(steps(some, paint([7, 1], 'toggle')).tokens, [1, 3]);
  assert.deepEqual(steps(some, paint([5], 'add')).tokens, [3, 5, 7]);
  assert.deepEqual(steps(some, paint([3, 5], 'remove')).tokens, [7]);
  assert.deepEqual(steps(some, { type: 'clear' }).tokens, []);
  assert.equal(steps(some, paint([3, 7])), some, 'nothing changes: the same object');
  assert.throws(() => steps(START, { type: 'dance' }), /no step/);
});

test('the keyboard walks, selects and extends', () => {
  const at = steps(START, { type: 'moveCursor', key: 'ArrowDown' });
  assert.deepEqual([at.cursor, at.tokens], [1, []], 'the first key only enters');
  const extended = steps(at, { type: 'moveCursor', key: 'ArrowRight', extend: true }, { type: 'moveCursor', key: 'ArrowDown', extend: true });
  assert.deepEqual([extended.cursor, extended.tokens], [6, [1, 2, 6]]);
  assert.deepEqual(steps(extended, { type: 'press', mode: 'toggle' }).tokens, [1, 2]);
  assert.deepEqual(steps(extended, { type: 'press', mode: 'replace' }).tokens, [6]);
  assert.equal(steps(START, { type: 'press', mode: 'toggle' }), START, 'no cursor yet');
});

test('the two example brushes take patches from each other, and leave with the search', () => {
  const brushes = steps(START, { type: 'search', value: 'example' }, paint([1, 2], 'add'), { type: 'pen', value: 'nots' }, paint([2, 3], 'add'));
  assert.deepEqual([brushes.fires, brushes.nots, brushes.tokens], [[1], [2, 3], []]);
  assert.equal(steps(brushes, { type: 'search', value: 'label' }).pen, 'select');
  const cleared = steps(brushes, { type: 'clearExample' });
  assert.deepEqual([cleared.fires, cleared.nots], [[], []]);
});

test('pointing shows a latent, a click keeps it, Esc lets go of the selection first', () => {
  const pointed = steps(START, paint([2]), { type: 'latent', latent: 7 }, { type: 'point', latent: 12 });
  assert.equal(shownLatent(pointed), 12);
  assert.equal(shownLatent(steps(pointed, { type: 'point', latent: null })), 7);
  const once = steps(pointed, { type: 'escape' });
  assert.deepEqual([once.tokens, once.latent], [[], 7]);
  assert.equal(steps(once, { type: 'escape' }).latent, null);
  assert.equal(steps(START, { type: 'latent', latent: 100 }).latent, null, 'there is no such latent');
});

test('dials go in once, keep within −10 and 10, and come out', () => {
  const one = steps(START, { type: 'addChip', latent: 5 });
  assert.deepEqual(one.chips, [{ latent: 5, how: 'add', amount: 5 }]);
  assert.equal(steps(one, { type: 'addChip', latent: 5 }), one);
  assert.equal(steps(one, { type: 'addChip', latent: 5000 }), one);
  assert.equal(steps(one, { type: 'chip', latent: 5, amount: -77 }).chips[0].amount, -10);
  assert.deepEqual(steps(one, { type: 'chip', latent: 5, how: 'ablate' }).chips, [{ latent: 5, how: 'ablate', amount: 0 }]);
  assert.deepEqual(steps(one, { type: 'removeChip', latent: 5 }).chips, []);
  assert.deepEqual([keptAmount('x'), keptAmount(1.239), keptAmount(-0)], [0, 1.24, 0]);
  assert.equal(cleanChip({ latent: 1.5, how: 'add', amount: 1 }, 10), null);
  assert.deepEqual([{ how: 'add', amount: 0 }, { how: 'scale', amount: 1 }, { how: 'clamp', amount: 0 }, { how: 'scale', amount: 0 }].map(isTurned), [false, false, true, true]);
});

test('selected patches are pinned when they are chosen, not followed', () => {
  assert.equal(steps(START, { type: 'where', value: 'list' }), START, 'nothing is selected');
  const pinned = steps(START, paint([2, 3]), { type: 'where', value: 'list' }, paint([9]));
  assert.deepEqual(rackOf(pinned).tokens, [2, 3]);
  assert.deepEqual(rackOf(steps(pinned, { type: 'where', value: 'list' })).tokens, [9], 'chosen again');
  assert.equal(rackOf(steps(pinned, { type: 'where', value: 'cls' })).tokens, null);
});

test('where an SAE can be steered depends on its tokens and on the model', () => {
  const ids = (...args) => whereChoices(...args).map(({ id }) => id);
  assert.deepEqual(ids('all', 1), ['all', 'cls', 'patches', 'list']);
  assert.deepEqual(ids('all', 0), ['all', 'patches', 'list']);
  assert.deepEqual([ids('cls', 1), ids('patches', 1)], [['cls'], ['patches', 'list']]);
  const shape = steeringShape({ ...RUN, sae: { d_sae: 100 } }, ids('patches', 1));
  assert.equal(steeringStep(initialSteering(), { type: 'fit' }, shape).where, 'patches');
});

test('a rack comes back as it went; keys tell racks apart', () => {
  const state = steps(START, { type: 'addChip', latent: 5, how: 'clamp', amount: -2.5 }, paint([1]), { type: 'where', value: 'list' }, { type: 'keepError', value: false }, { type: 'lens', value: '0_pre' });
  const rack = rackOf(state);
  assert.deepEqual(rack, { chips: [{ latent: 5, how: 'clamp', amount: -2.5 }], where: 'list', tokens: [1], keep_error: false, lens: '0_pre' });
  assert.deepEqual(rackOf(steps(START, { type: 'rack', rack })), rack);
  assert.equal(rackKey(rackOf(START)), rackKey(null));
  assert.notEqual(rackKey(rack), rackKey({ ...rack, lens: 'final' }));
  assert.equal(effectKey(rack), effectKey({ ...rack, lens: 'final' }));
  assert.deepEqual(steps(state, { type: 'rack', rack: null }).chips, []);
});

test('a view comes back as it went, and what is wrong in it is left out', () => {
  const state = steps(START, paint([1, 4]), { type: 'sort', value: 'effect' }, { type: 'pool', value: 'sum' }, { type: 'latent', latent: 8 }, { type: 'section', value: 'classes' }, { type: 'overlay', value: 0.3 });
  assert.deepEqual(steeringView(steps(START, { type: 'restore', view: steeringView(state) })), steeringView(state));
  const wrong = steps(START, { type: 'restore', view: { tokens: [1, 'x', 999], sort: 'beauty', latent: 1e9, section: 3, overlay: 7, lens: 'nowhere' } });
  assert.deepEqual([wrong.tokens, wrong.sort, wrong.latent, wrong.section, wrong.overlay, wrong.lens], [[1], 'activation', null, 'exemplars', 1, 'final']);
  assert.equal(steps(START, { type: 'restore', view: {} }), START);
});

test('turning asks once things have paused, a new latent is asked for unless it is there', () => {
  mock.timers.enable({ apis: ['setTimeout'] });
  const sent = [];
  let state = START;
  const asking = createSteerAsking({ onEvent: (name, data) => sent.push([name, data]), getState: () => state, changed: () => {} });
  const go = (action, known = false) => {
    const before = state;
    state = steps(state, action);
    asking.follow(before, state, () => known);
  };
  go({ type: 'addChip', latent: 3 });
  go({ type: 'chip', latent: 3, amount: -4 });
  go({ type: 'latent', latent: 3 });
  mock.timers.tick(200);
  assert.deepEqual(sent.map(([name]) => name), ['latent', 'steer']);
  assert.equal(sent[1][1].chips[0].amount, -4, 'the last one only');
  assert.ok(asking.pending.isWaiting());
  assert.equal(asking.pending.settle(rackKey(sent[1][1])), 'wanted');
  go({ type: 'latent', latent: 9 }, true);
  go({ type: 'point', latent: 4 });
  go({ type: 'paint', tokens: [1], mode: 'add' });
  mock.timers.tick(500);
  assert.equal(sent.length, 2, 'nothing else touches the server');
  mock.timers.reset();
});

test('events are numbered, an answer to an older rack is late, and nothing refused or cancelled is waited for', () => {
  mock.timers.enable({ apis: ['setTimeout', 'Date'], now: 1000 });
  const sent = [];
  let state = START;
  const asking = createSteerAsking({ onEvent: (name, data) => sent.push([name, data.at]), getState: () => state, changed: () => {} });
  const turn = (amount) => {
    const before = state;
    state = steps(state, { type: 'addChip', latent: 3 }, { type: 'chip', latent: 3, amount });
    asking.follow(before, state, () => true);
  };
  turn(1);
  assert.ok(asking.isLate(1e15), 'what the visitor has just turned is not sent yet');
  mock.timers.tick(200);
  const first = sent.at(-1)[1];
  assert.deepEqual([asking.isLate(first - 1), asking.isLate(first)], [true, false]);
  turn(2);
  mock.timers.tick(200);
  assert.ok(sent.at(-1)[1] > first && asking.isLate(first));
  asking.watch(1);
  asking.watch(2);
  assert.ok(sent.at(-1)[1] > sent.at(-2)[1], 'two events of one millisecond keep their order');
  asking.guide(rackOf(START));
  assert.deepEqual([sent.at(-1)[0], asking.isLate(sent.at(-1)[1] - 1), asking.isLate(sent.at(-1)[1])], ['guide', true, false]);
  asking.general();
  asking.search('class', 'dog', 1);
  asking.refused('general');
  asking.refused('found');
  asking.refused('steer');
  assert.deepEqual(asking.waiting, { controls: false, general: false, other: null, found: null });
  asking.controls();
  asking.cancel('controls');
  assert.deepEqual([asking.waiting.controls, sent.at(-1)[0]], [false, 'cancel']);
  asking.reset();
  assert.equal(asking.isLate(0), false, 'another picture: whatever rack comes with it');
  mock.timers.reset();
});

test('a page may offer fewer places than the SAE has', () => {
  const ids = (offered) => whereChoices('all', 1, offered).map(({ id }) => id);
  assert.deepEqual(ids(['cls', 'all']), ['all', 'cls']);
  assert.deepEqual(ids(undefined), ['all', 'cls', 'patches', 'list']);
  assert.deepEqual(steeringShape(RUN, ids(['all'])).wheres, ['all']);
});
