import assert from 'node:assert/strict';
import { test } from 'node:test';

import { createStepAsker } from '../../apps/common/widgets/steps/stepasking.js';
import { namedStops, nearestStop, stepPlace, stopByKey } from '../../apps/common/widgets/steps/stepaxis.js';
import { bestHeads, findingsOf } from '../../apps/common/widgets/steps/stepfindings.js';
import { stopCells } from '../../apps/common/widgets/steps/steptable.js';
import { lossText, rowAt, sharePercent, stopLine } from '../../apps/common/widgets/steps/stepwords.js';

const STOPS = [0, 1, 2, 4, 8, 16, 32, 64, 128, 256, 512, 1024, 2048, 4096, 8000];
const ROWS = [[0, 1.1, 0.33, 1.09, 0.3], [64, 1, 0.42, 1.02, 0.41], [8000, 0.001, 1, 0.0004, 0.9996]];

test('zero is first, powers of two are equally far apart, the last ends the axis', () => {
  assert.equal(stepPlace(0, 8000), 0);
  assert.equal(stepPlace(8000, 8000), 1);
  const places = [1, 2, 4, 8].map((step) => stepPlace(step, 8000));
  assert.ok(places[0] > 0);
  assert.ok(Math.abs(places[1] - places[0] - (places[3] - places[2])) < 1e-12);
  assert.equal(stepPlace(0, 0), 0);
});

test('a place leads to the stop drawn nearest to it', () => {
  for (const step of STOPS) assert.equal(nearestStop(STOPS, stepPlace(step, 8000)), step);
  assert.equal(nearestStop(STOPS, -1), 0);
  assert.equal(nearestStop(STOPS, 2), 8000);
});

test('arrows go to the neighbours, Home and End to the ends, other keys nowhere', () => {
  assert.equal(stopByKey(STOPS, 64, 'ArrowRight'), 128);
  assert.equal(stopByKey(STOPS, 64, 'ArrowLeft'), 32);
  assert.equal(stopByKey(STOPS, 0, 'ArrowLeft'), 0);
  assert.equal(stopByKey(STOPS, 8000, 'ArrowRight'), 8000);
  assert.equal(stopByKey(STOPS, 64, 'Home'), 0);
  assert.equal(stopByKey(STOPS, 64, 'End'), 8000);
  assert.equal(stopByKey(STOPS, 1, 'PageDown'), 0);
  assert.equal(stopByKey(STOPS, 64, 'a'), null);
});

test('names below the axis never touch, and the ends are always named', () => {
  for (const width of [60, 160, 240, 600, 4000]) {
    const look = { xOf: (step) => stepPlace(step, 8000) * width, widthOf: (step) => 7 * String(step).length, gap: 8 };
    const named = namedStops(STOPS, look);
    assert.deepEqual([named[0], named.at(-1)], [0, 8000]);
    if (width < 100) continue;
    named.slice(1).forEach((step, i) => {
      const room = look.xOf(step) - look.widthOf(step) / 2 - look.xOf(named[i]) - look.widthOf(named[i]) / 2;
      assert.ok(room >= 8, `${named[i]} and ${step} at ${width}`);
    });
  }
});

test('numbers as people read them', () => {
  assert.equal(stopLine(ROWS, 64), 'step 64 · 41 % right on held-out pictures · loss 1.02 nats');
  assert.equal(stopLine(ROWS, 8000), 'step 8000 · 99.96 % right on held-out pictures · loss 0.0004 nats');
  assert.equal(stopLine([], 8), 'step 8');
  assert.deepEqual([1, 0, 0.995, 0.004, NaN].map(sharePercent), ['100 %', '0 %', '99.5 %', '0.4 %', '–']);
  assert.deepEqual([0, 0.1, 0.01234, 6e-6, undefined].map(lossText), ['0.00', '0.10', '0.012', '< 0.00001', '–']);
  assert.equal(rowAt(ROWS, 70).step, 64);
  assert.equal(rowAt([], 70), null);
});

function asker(clock = { now: 0 }) {
  const sent = [];
  return { sent, clock, asker: createStepAsker({ ask: (step, at) => sent.push([step, at]), now: () => clock.now }) };
}

test('one step is asked for at a time, and of the wishes meanwhile only the newest', () => {
  const { sent, asker: it } = asker();
  it.begin(0);
  it.want(4);
  for (const step of [8, 16, 32]) it.want(step);
  assert.deepEqual(sent.map(([step]) => step), [4]);
  assert.equal(it.target, 32);
  assert.equal(it.answered(4), true);
  assert.deepEqual(sent.map(([step]) => step), [4, 32]);
  assert.equal(it.answered(32), true);
  assert.equal(it.isWaiting, false);
  assert.ok(sent[1][1] > sent[0][1], 'requests are numbered upwards');
});

test('what is on show is not asked for again, nor the step that is under way', () => {
  const { sent, asker: it } = asker();
  it.begin(4);
  it.want(4);
  assert.equal(sent.length, 0);
  it.want(8);
  it.want(16);
  it.want(8);
  it.answered(8);
  assert.deepEqual(sent.map(([step]) => step), [8]);
});

test('another event in between is no answer; a refusal is one, and goes back', () => {
  const { asker: it } = asker();
  it.begin(4);
  it.want(8);
  assert.equal(it.answered(4), false);
  assert.equal(it.target, 8);
  assert.equal(it.answered(4, true), true);
  assert.equal(it.target, 4);
});

test('an answer that never comes is not waited for for ever, and a new model forgets all', () => {
  const { sent, clock, asker: it } = asker();
  it.begin(0);
  it.want(4);
  clock.now = 60_000;
  it.want(8);
  assert.deepEqual(sent.map(([step]) => step), [4, 8]);
  it.begin(64);
  assert.deepEqual([it.target, it.isWaiting], [64, false]);
});

const CURVES = {
  steps: [0, 1, 2], layers: 1, n_heads: 2, sizes: { lens: 300, heads: 200 },
  lens: { labels: ['0_pre', 'final'], iou: [[0.1, 0.2], [0.3, 0.2], [0.4, 0.6]], best: [1, 0, 1], baseline: 0.15 },
  types: [
    { id: 'corner', title: 'Corner head', meaning: 'Corners.', strength: [[[0, 0.01]], [[0.02, null]], [[0.05, -0.1]]], named: [[], [], []] },
    { id: 'sink', title: 'Sink head', meaning: 'Sinks.', strength: [[[0, 0.01]], [[null, null]], [[0.2, 0.9]]], named: [[], [], [[0, 1]]] },
  ],
};

test('the strongest head of a type, and whether it has the name', () => {
  assert.deepEqual(bestHeads(CURVES.types[1]), [
    { value: 0.01, layer: 0, head: 1, isNamed: false }, null, { value: 0.9, layer: 0, head: 1, isNamed: true }]);
});

test('what changed most is the first finding, each with its own words', () => {
  const [sink, lens, corner] = findingsOf(CURVES);
  assert.deepEqual([sink.id, lens.id, corner.id], ['sink', 'lens', 'corner']);
  assert.match(sink.sentence(2), /Step 2: head 1 of layer 0 has most, 0\.90: enough for the name\./);
  assert.match(corner.sentence(2), /head 0 of layer 0 has most, 0\.05: not enough/);
  assert.match(sink.sentence(1), /no head can be measured/);
  assert.match(lens.sentence(1), /IoU 0\.30 at 0_pre/);
  assert.deepEqual(lens.best, [0.2, 0.3, 0.6]);
  assert.ok(corner.range[0] < -0.1 && corner.range[1] >= 0.2, 'the scale holds every line');
  assert.deepEqual(findingsOf(null), []);
  assert.deepEqual(findingsOf({ ...CURVES, lens: null }).map(({ id }) => id), ['sink', 'corner']);
});

test('the table says at every stop what the curves show there', () => {
  const cells = stopCells({ stops: [0, 64, 8000], rows: ROWS, curves: { ...CURVES, steps: [0, 64, 128] } });
  assert.deepEqual(cells[1], ['64', '41 %', '1.02', '1.00', '0.30']);
  assert.equal(cells[2].at(-1), '–');
  assert.equal(stopCells({ stops: [0], rows: ROWS, curves: null })[0].length, 4);
});
