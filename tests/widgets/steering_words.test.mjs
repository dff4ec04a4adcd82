import assert from 'node:assert/strict';
import { readFileSync } from 'node:fs';
import { test } from 'node:test';

import { changeMarks, logitChanges } from '../../apps/common/widgets/steering/answers.js';
import { errorScale } from '../../apps/common/widgets/steering/comparecard.js';
import { controlRows } from '../../apps/common/widgets/steering/controlscard.js';
import { STEERING_GLOSSARY } from '../../apps/common/widgets/steering/glossary.js';
import { guideRack, guideSteps } from '../../apps/common/widgets/steering/guidecard.js';
import { heatAlphas, heatPixels, heatShare } from '../../apps/common/widgets/steering/heat.js';
import { decadeTicks, histogramScale, timesTicks } from '../../apps/common/widgets/steering/histogram.js';
import { densityWords, latentAddress, scoreWords } from '../../apps/common/widgets/steering/latentwords.js';
import { dialShare } from '../../apps/common/widgets/steering/latentlist.js';
import { commonest, differing, patchesOf } from '../../apps/common/widgets/steering/minilens.js';
import { chipWords, whereWords } from '../../apps/common/widgets/steering/rack.js';
import { bipolarSpan } from '../../apps/common/widgets/steering/dials.js';
import { stageTag, tokensBetween } from '../../apps/common/widgets/steering/stagepaint.js';
import { tableColumns } from '../../apps/common/widgets/steering/tablecard.js';
import { steeredColumns } from '../../apps/common/widgets/steering/twins.js';
import { controlsWords, generalWords, normWords, poolWords, rangeWords, selectionWords, steeredWords } from '../../apps/common/widgets/steering/words.js';
import { layoutStage } from '../../apps/common/widgets/shared/geometry.js';
import { lightness, LUT, lutIndex } from '../../apps/common/widgets/shared/color.js';

const DOG = { index: 1, name: 'dog', emoji: '🐶' };
const CAT = { index: 0, name: 'cat', emoji: '🐱' };
const SHAPE = { rows: 2, cols: 3, nPrefix: 1, prefixNames: ['CLS'], nTokens: 7 };
const RACK = { chips: [{ latent: 512, how: 'add', amount: -6 }], where: 'all', tokens: null, keep_error: true, lens: 'final' };
const column = (...answers) => ({ top: answers.map(([one, probability, logit]) => ({ ...one, probability, logit })) });
const STEERED = { columns: { original: column([DOG, 0.6, 8], [CAT, 0.3, 7]), reconstruction: column([DOG, 0.6, 8], [CAT, 0.3, 7]), steered: column([CAT, 0.7, 7.5], [DOG, 0.2, 5]) },
  watched: { original: 8, reconstruction: 8, steered: 5 } };

test('what turning did, as one sentence', () => {
  assert.equal(steeredWords({ rack: RACK, steered: STEERED, watched: DOG }),
    'With latent 512 down by 6× typical, everywhere: the answer turns from 🐶 dog (60.0 %) to 🐱 cat (70.0 %); the logit of dog falls by 3.00.');
  const same = { ...STEERED, columns: { ...STEERED.columns, steered: STEERED.columns.original }, watched: { ...STEERED.watched, steered: 8.001 } };
  assert.match(steeredWords({ rack: RACK, steered: same, watched: DOG }), /stays 🐶 dog \(60\.0 % → 60\.0 %\); the logit of dog does not move\.$/);
  assert.match(steeredWords({ rack: { ...RACK, chips: [] }, steered: STEERED, watched: DOG }), /^Nothing is turned yet.*Turn a latent\.$/);
  assert.match(steeredWords({ rack: { ...RACK, chips: [], keep_error: false }, steered: STEERED, watched: DOG }), /the error is left out: the answer turns/);
});

test('dials and places in words', () => {
  const words = [['add', 3], ['add', -3], ['scale', -2], ['clamp', 0.5], ['ablate', 0]].map(([how, amount]) => chipWords({ latent: 9, how, amount }));
  assert.deepEqual(words, ['latent 9 up by 3× typical', 'latent 9 down by 3× typical', 'latent 9 multiplied by −2', 'latent 9 set to 0.5× typical', 'latent 9 switched off']);
  assert.deepEqual([whereWords({ where: 'list', tokens: [4] }), whereWords({ where: 'list', tokens: [4, 5] }), whereWords({ where: 'cls' })], ['at 1 selected token', 'at 2 selected tokens', 'at CLS']);
  assert.equal(normWords({ length: 3.2, share: 0.21 }), 'Written: 3.20 long for each changed token on average, 21.0 % of the length of what is there.');
  assert.deepEqual([normWords(null), normWords({ length: null }), normWords({ length: 0, share: 0 })], ['', '', '']);
});

test('what is selected and how the list is made', () => {
  const state = { pen: 'select', tokens: [], fires: [], nots: [], pool: 'max', sort: 'activation' };
  assert.match(selectionWords({ state, shape: SHAPE }), /whole picture/);
  assert.equal(selectionWords({ state: { ...state, tokens: [0] }, shape: SHAPE }), 'Selected: CLS.');
  assert.equal(selectionWords({ state: { ...state, tokens: [0, 2] }, shape: SHAPE }), 'Selected: 2 tokens, CLS among them.');
  assert.equal(selectionWords({ state: { ...state, pen: 'nots', fires: [1] }, shape: SHAPE }), 'Fires here: 1 patch; not there: 0 patches.');
  assert.match(poolWords({ ...state, tokens: [1, 2], pool: 'sum' }, true), /^Summed over the 2 selected tokens, in units/);
  assert.equal(poolWords({ ...state, tokens: [1] }, false), 'At the selected token.');
});

test('the controls say whether chance does as much', () => {
  const controls = (change, opposite) => ({ steered: { change }, random: { n: 50, mean: -0.1, low: -1, high: 1, changed: 0 }, opposite: { change: opposite, answer: CAT } });
  assert.match(controlsWords(controls(-6, 5), DOG), /^More than chance.*−6\.00.*50 random.*−1\.00 to \+1\.00.*the other direction as it should be\.$/);
  assert.match(controlsWords(controls(0.5, 0.4), DOG), /^Not more than chance.*, not the other direction\.$/);
  assert.deepEqual(controlRows(controls(-6, 5)).map(({ name, middle }) => [name, middle]), [['these', -6], ['50 random', -0.1], ['opposite', 5]]);
  assert.equal(controlRows({ ...controls(-6, 5), opposite: null }).length, 2);
});

test('many pictures: while it runs, when it was stopped, and done', () => {
  const general = { state: 'done', done: 120, total: 120, source: '120 emoji scenes', effect: { mean: -3.1 }, changed: { rate: 0.7 } };
  assert.equal(generalWords(general, DOG), 'On 120 emoji scenes: the logit of dog moves by −3.10 on average, and the answer changes for 70.0 % of them.');
  assert.match(generalWords({ ...general, state: 'running', done: 1 }, DOG), /^So far, on 1 picture:/);
  assert.match(generalWords({ ...general, state: 'stopped', done: 40 }, DOG), /^Stopped after 40 pictures of 120:/);
  assert.equal(rangeWords({ low: null, high: 1 }, String), 'no interval yet');
});

test('changes against the original, with bars; a class that was not there is new', () => {
  const changes = logitChanges(STEERED.columns.steered.top, [{ ...CAT, logit: 7 }]);
  assert.deepEqual([...changes], [[0, 0.5], [1, NaN]]);
  assert.deepEqual(changeMarks(changes, 2).get(0), { text: '+0.50', way: 'up', share: 0.25 });
  assert.deepEqual(changeMarks(changes, 2).get(1), { text: 'new', way: 'up' });
  assert.equal(changeMarks(new Map([[3, -0.001]]), 1).get(3).way, '');
  assert.equal(logitChanges([{ ...DOG, logit: 5, change: -3 }], []).get(1), -3, 'a change that is given is taken');
});

test('heat is brighter the more there is, and off is darker than the faintest on', () => {
  const light = (value) => lightness(LUT[lutIndex(heatShare(value, 2))]);
  assert.ok(light(0) < light(0.01) && light(0.01) < light(1) && light(1) < light(2));
  assert.deepEqual([heatShare(NaN, 2), heatShare(1, 0), heatShare(3, 2)], [0, 0, 1]);
  const pixels = heatPixels([9, 0, 2], 1, 2, heatAlphas(1));
  assert.equal(pixels.length, 8, 'patches only');
  assert.deepEqual([...pixels.slice(4, 7)], LUT[255]);
  assert.ok(pixels[3] < pixels[7], 'thinner where it is off');
  assert.deepEqual([dialShare(0), dialShare(2.5), dialShare(50), dialShare(NaN)], [0, 0.5, 1, 0]);
});

test('the histogram: logarithmic both ways, this picture always on it', () => {
  assert.deepEqual(decadeTicks(1500), [1, 10, 100, 1000, 10000]);
  const scale = histogramScale({ edges: [1, 10, 100], counts: [1000, 0] }, 300, 200, 1000);
  const [left, right] = [scale.box.x, scale.box.x + scale.box.width];
  assert.ok(Math.abs(scale.x(1) - left) < 1e-9 && Math.abs(scale.x(1000) - right) < 1e-9, 'beyond the last edge too');
  assert.ok(Math.abs(scale.x(10) - (left + scale.box.width / 3)) < 1e-9);
  assert.equal(scale.y(0), scale.box.y + scale.box.height);
  assert.ok(scale.y(1) < scale.y(0) && scale.y(1000) < scale.y(100), 'one token is still seen');
  assert.deepEqual(timesTicks([0.2, 20], 2), [0.1, 0.3, 1, 3, 10]);
});

test('a latent has an address, and its rarity a sentence', () => {
  const run = { sae: { id: 'emoji-vit-sae/blocks.3.hook_resid_post' } };
  assert.equal(latentAddress(null, run, 12, 'https://a.b/page?x=1#y'), 'https://a.b/page?sae=emoji-vit-sae%2Fblocks.3.hook_resid_post&latent=12');
  assert.equal(latentAddress({ index: 12, address: '?latent=12' }, run, 12, 'https://a.b/page?x=1'), 'https://a.b/page?latent=12');
  assert.equal(densityWords({ frequency: 0.02 }, null, null), 'On at 2.0 % of all tokens.');
  assert.equal(densityWords({}, { density: { tokens: 0.01, images: 0.2 }, typical: 2, largest: 8 }, '100 scenes'),
    'On at 1.0 % of all tokens, in 20.0 % of pictures, at most 4.0× its typical activation (2.00); from 100 scenes.');
  assert.match(densityWords({}, null, null), /^Nothing is known/);
  assert.equal(scoreWords({ label: 'dog', precision: 0.5, recall: null, auroc: 0.9 }, '2,000 scenes'), 'precision 0.50 · AUROC 0.90 · from 2,000 scenes');
  assert.match(scoreWords({ label: null }, '2,000 scenes'), /^No class fits/);
});

test('small lenses: patches or tokens, what is commonest, what differs', () => {
  assert.deepEqual(patchesOf([9, 1, 1, 2, 2, 2, 3], SHAPE), [1, 1, 2, 2, 2, 3]);
  assert.deepEqual(patchesOf([1, 1, 2, 2, 2, 3], SHAPE), [1, 1, 2, 2, 2, 3]);
  assert.deepEqual(patchesOf(null, SHAPE), []);
  assert.deepEqual(commonest([1, 1, 2, 2, 2, 3], 2), [[2, 3], [1, 2]]);
  assert.deepEqual(differing([1, 2], [1, 3]), [1]);
  assert.deepEqual(differing([1, 2], []), []);
});

test('a fast brush leaves no gaps; tags tell a token', () => {
  const layout = layoutStage({ ...SHAPE, width: 300, image: [200, 300] });
  assert.deepEqual(tokensBetween(layout, { x: 10, y: 60 }, { x: 290, y: 60 }), [1, 2, 3]);
  const acts = { offsets: Uint32Array.of(0, 2, 2, 3, 3, 3, 3, 3) };
  assert.equal(stageTag({ shape: SHAPE, assets: { acts } }, 2, null), 'row 1, column 2: 1 latent on');
  assert.equal(stageTag({ shape: SHAPE, assets: { acts } }, 1, null), 'row 1, column 1: not read by this SAE');
  const painted = { latent: 0, heat: [0, 3] };
  assert.equal(stageTag({ shape: SHAPE, assets: { acts, columns: { typical: [2] } } }, 1, painted), 'row 1, column 1: 1.5× typical');
});

test('sliders fill from 0, errors share one scale', () => {
  assert.deepEqual([bipolarSpan(0), bipolarSpan(-10), bipolarSpan(5)], [[50, 50], [0, 50], [50, 75]]);
  assert.ok(Math.abs(errorScale({ error: [0.1, null], own: { error: [0.3] } }) - 0.3) < 1e-6);
});

test('the table shows what any SAE has, known columns first, with their meaning', () => {
  const columns = tableColumns([{ id: 'a', title: 'A', hook: 'h', kl: 0.1, odd_number: 3, latents: 8 }, { id: 'b', title: 'B', hook: 'h', latents: 16, kl: null }]);
  assert.deepEqual(columns.map(({ id }) => id), ['title', 'latents', 'kl', 'odd_number']);
  assert.deepEqual([columns[2].show(columns[2].values[1]), columns[2].term, columns[3].title], ['–', 'kl', 'odd number']);
  assert.deepEqual(steeredColumns(STEERED).map(({ id }) => id), ['class', 'original', 'originalLogit', 'reconstruction', 'reconstructionLogit', 'steered', 'steeredLogit']);
  assert.equal(steeredColumns(null), null);
});

test('a recipe becomes a rack', () => {
  assert.deepEqual(guideRack({ chips: RACK.chips, where: 'cls' }, 'final'), { ...RACK, where: 'cls' });
});

test('every "?" has an entry and every entry is asked for', () => {
  const html = readFileSync(new URL('../../apps/common/widgets/steering/widget.html', import.meta.url), 'utf8');
  const table = readFileSync(new URL('../../apps/common/widgets/steering/tablecard.js', import.meta.url), 'utf8');
  const asked = new Set([...[...html.matchAll(/data-term="(\w+)"/g)].map(([, term]) => term), ...[...table.matchAll(/(?:formatPercent|plain\(\d\)|whole), '(\w+)'\]/g)].map(([, term]) => term)]);
  assert.deepEqual([...asked].filter((term) => !STEERING_GLOSSARY[term]), []);
  assert.deepEqual(Object.keys(STEERING_GLOSSARY).filter((term) => !asked.has(term)), []);
});

test('the steps of a recipe name the dials as the rack does', () => {
  const guide = { steps: ['Open it.', 'clamp latent 9 to −1 typical activations'], chips: [{ latent: 9, how: 'clamp', amount: -1 }], where: 'cls' };
  assert.deepEqual(guideSteps(guide), ['Open it.', 'Under “Find a latent”, type its number and press “Turn”: latent 9 set to −1× typical; where: at CLS.']);
  const two = { ...guide, chips: [...guide.chips, { latent: 3, how: 'ablate' }], where: 'list', tokens: [4] };
  assert.match(guideSteps(two)[1], /“Turn”: latent 9 set to −1× typical, latent 3 switched off; where: at 1 selected token\.$/);
  assert.deepEqual(guideSteps({ steps: ['Look.'] }), ['Look.']);
});
