import assert from 'node:assert/strict';
import { test } from 'node:test';

import { heatCellAt, heatRect, layoutCells, layoutTiles } from '../../apps/common/widgets/patching/heatlayout.js';
import { cellText, heatIndex, heatStrength } from '../../apps/common/widgets/patching/heatcolors.js';
import { appliedCells } from '../../apps/common/widgets/patching/heatpanel.js';
import { bestCells, chipOfCell, countConflicts, disagrees, hasFlipped, isWanted, movedShare, readSweep, shownCell, sweepRequest } from '../../apps/common/widgets/patching/sweepdata.js';
import { progressWords, tokenChoices } from '../../apps/common/widgets/patching/sweepcontrols.js';
import { answerColumns, sweepColumns } from '../../apps/common/widgets/patching/twins.js';

const SHAPE = { rows: 3, cols: 4, nPrefix: 1, prefixNames: ['CLS'], nTokens: 13, nLayers: 2, nHeads: 3, sites: [] };
const SWEEP = { id: 1, site: 'z', by: ['layer', 'head'], layer: null, token: 'cls', state: 'running', clean: 2, corrupt: -8,
  preview: [[-8, -7, -8], [-3, -8, -9]], denoise: [[-8, null, -8], [1, -8, -8.5]], noise: null, correlation: null, n_passes: 3.2, done: 5, total: 12 };

test('a share is counted from the run that is patched', () => {
  assert.equal(movedShare('denoise', -8, 2, -8), 0);
  assert.equal(movedShare('denoise', 2, 2, -8), 1);
  assert.equal(movedShare('noise', 2, 2, -8), 0);
  assert.equal(movedShare('noise', -8, 2, -8), 1);
  assert.equal(movedShare('denoise', 2, -8, 2), 0, 'also where the clean run has the lower metric');
  assert.ok(Number.isNaN(movedShare('denoise', 3, 2, 2)), 'no way, no share of it');
  assert.ok(Number.isNaN(movedShare('denoise', NaN, 2, -8)));
});

test('a flip is the sign of the other run, and only where the two differ', () => {
  assert.ok(hasFlipped('denoise', 0.5, 2, -8));
  assert.ok(!hasFlipped('denoise', -0.5, 2, -8));
  assert.ok(hasFlipped('noise', -0.5, 2, -8));
  assert.ok(!hasFlipped('noise', 0.5, 2, -8));
  assert.ok(!hasFlipped('denoise', -0.5, -2, -8), 'both runs on one side');
  assert.ok(!hasFlipped('denoise', NaN, 2, -8));
});

test('cells disagree where one direction says yes and the other no', () => {
  assert.ok(disagrees(0.3, 0.01));
  assert.ok(disagrees(0.01, -0.3));
  assert.ok(disagrees(0.3, -0.2), 'opposite ways');
  assert.ok(!disagrees(0.3, 0.06));
  assert.ok(!disagrees(0.09, 0));
  assert.ok(!disagrees(-0.3, -0.2));
  assert.ok(!disagrees(0.3, NaN), 'nothing is said of what is not known');
});

test('exact numbers replace the estimate cell by cell, noise has none', () => {
  const data = readSweep(SWEEP, SHAPE);
  assert.deepEqual([data.rows, data.cols], [2, 3]);
  assert.deepEqual(shownCell(data, 'denoise', 1), { value: 0.1, raw: -7, isEstimate: true });
  assert.deepEqual(shownCell(data, 'denoise', 3), { value: 0.9, raw: 1, isEstimate: false });
  assert.ok(Number.isNaN(shownCell(data, 'noise', 3).raw));
  assert.equal(shownCell(data, 'preview', 3).raw, -3);
  assert.equal(data.range, 0.9);
  assert.equal(countConflicts(data), 0);
  assert.deepEqual(bestCells(data, 'denoise', 3), [3], 'only towards the other run, and only what counts');
});

test('a map without any number yet has the size of its axes', () => {
  const data = readSweep({ ...SWEEP, by: ['layer', 'token'], preview: null, denoise: null }, SHAPE);
  assert.deepEqual([data.rows, data.cols, data.firstToken], [2, 13, 0]);
  assert.ok(data.range > 0);
});

test('cells stand for chips, and chips find their cells again', () => {
  const heads = readSweep(SWEEP, SHAPE);
  assert.deepEqual(chipOfCell(heads, [1, 0]), { site: 'z', layer: 1, head: 0, token: 'cls' });
  const tokens = readSweep({ ...SWEEP, by: ['head', 'token'], layer: 1, preview: [new Array(12).fill(0)], denoise: null }, SHAPE);
  assert.equal(tokens.firstToken, 1, 'patches only');
  assert.deepEqual(chipOfCell(tokens, [0, 4]), { site: 'z', layer: 1, head: 0, token: 5 });
  assert.deepEqual(appliedCells(heads, SHAPE, [{ site: 'z', layer: 1, head: 0, token: 0 }, { site: 'q', layer: 1, head: 1, token: 'cls' }]), [[1, 0]]);
  assert.deepEqual(appliedCells(heads, SHAPE, []), []);
});

test('a sweep is wanted only if every control agrees', () => {
  const wanted = { site: 'z', by: 'layer,head', layer: null, token: 'cls' };
  assert.ok(isWanted(SWEEP, wanted, SHAPE));
  assert.ok(isWanted({ ...SWEEP, token: 0 }, wanted, SHAPE));
  assert.ok(!isWanted(SWEEP, { ...wanted, token: 'all' }, SHAPE));
  assert.ok(!isWanted(SWEEP, { ...wanted, site: 'v' }, SHAPE));
  const ofLayer = { ...SWEEP, by: ['head', 'token'], layer: 1 };
  assert.ok(isWanted(ofLayer, { site: 'z', by: 'head,token', layer: 1, token: 'all' }, SHAPE), 'tokens are an axis: the token does not matter');
  assert.ok(!isWanted(ofLayer, { site: 'z', by: 'head,token', layer: 0, token: 'cls' }, SHAPE));
  assert.ok(!isWanted(null, wanted, SHAPE));
});

test('a request names a layer and a token only where the map needs them', () => {
  assert.deepEqual(sweepRequest({ site: 'z', by: 'layer,head', layer: 3, token: 'cls' }), { site: 'z', by: ['layer', 'head'], layer: null, token: 'cls' });
  assert.deepEqual(sweepRequest({ site: 'v', by: 'head,token', layer: 3, token: 'cls' }), { site: 'v', by: ['head', 'token'], layer: 3, token: 'all' });
});

test('a point finds the cell that is drawn there', () => {
  const matrix = layoutCells({ width: 300, rows: 5, cols: 4, least: 18 });
  const image = [96, 96];
  const tiles = layoutTiles({ width: 400, rows: 5, cols: 13, least: 108, shape: SHAPE, image, firstToken: 0 });
  const patches = layoutTiles({ width: 400, rows: 2, cols: 12, least: 108, shape: SHAPE, image, firstToken: 1 });
  for (const layout of [matrix, tiles, patches]) {
    for (let i = 0; i < layout.rows; i++) {
      for (let j = 0; j < layout.cols; j++) {
        const { x, y, width, height } = heatRect(layout, [i, j]);
        assert.deepEqual(heatCellAt(layout, x + width / 2, y + height / 2), [i, j]);
        assert.ok(x >= 0 && y >= 0 && x + width <= layout.width + 1e-9 && y + height <= layout.height + 1e-9);
      }
    }
    assert.equal(heatCellAt(layout, layout.width + 20, 5), null);
  }
  assert.equal(heatCellAt(matrix, 4, 60), null, 'labels are no cells');
  assert.equal(heatCellAt(tiles, 5, 3), null, 'titles are no cells');
  const { x, y } = heatRect(tiles, [1, 0]);
  assert.equal(heatCellAt(tiles, x - 4, y + 4), null, 'nor are gaps');
});

test('colours rise with the value and stay in the map', () => {
  assert.equal(heatIndex(0, 0.5), 128);
  assert.equal(heatIndex(9, 0.5), 255);
  assert.equal(heatIndex(-9, 0.5), 0);
  const strengths = [-0.5, -0.2, 0, 0.01, 0.3, 0.5].map((v) => heatStrength(v, 0.5));
  assert.deepEqual([...strengths].sort((a, b) => a - b), strengths);
  assert.equal(heatStrength(-0.2, 0.5), -heatStrength(0.2, 0.5));
});

test('numbers in cells follow the scale', () => {
  assert.equal(cellText({ value: 0.254, raw: -2.631 }, 'normalised'), '+25');
  assert.equal(cellText({ value: -0.254, raw: -2.631 }, 'normalised'), '−25');
  assert.equal(cellText({ value: 0.25, raw: -2.631 }, 'raw'), '−2.63');
  assert.equal(cellText({ value: NaN, raw: NaN }, 'raw'), '');
});

test('progress says what is exact and what it cost', () => {
  assert.match(progressWords(SWEEP, true), /5 of 12 experiments/);
  assert.match(progressWords({ ...SWEEP, state: 'done', correlation: 0.9621, n_passes: 18.24 }, true), /^Exact: 12 experiments for as much work as 18 runs .*correlation of 0\.96/);
  assert.match(progressWords({ ...SWEEP, state: 'preview' }, true), /estimate/i);
  const note = '7,000 patches a direction are more than this page runs (6,000), so these are estimates';
  assert.equal(progressWords({ ...SWEEP, state: 'done', total: 0, n_passes: 4, note }, true), `${note}. They cost as much work as 4 runs of the model.`);
  assert.match(progressWords({ ...SWEEP, state: 'stopped' }, true), /^Stopped after 5 of 12/);
  assert.match(progressWords(SWEEP, false), /Waiting/);
});

test('a patch that was picked elsewhere can be chosen for the map', () => {
  assert.deepEqual(tokenChoices(SHAPE, 0, 'cls').map(({ value }) => value), ['cls', 'all', 'patches']);
  assert.deepEqual(tokenChoices(SHAPE, 6, 'cls').at(-1), { value: '6', text: 'at the patch in row 2, column 2' });
  assert.deepEqual(tokenChoices({ ...SHAPE, tokens: ['cls', 'all'] }, 6, 7).map(({ value }) => value), ['cls', 'all'], 'only what is offered');
  assert.deepEqual(tokenChoices({ ...SHAPE, nPrefix: 0 }, 0, 'all').map(({ value }) => value), ['all', 'patches']);
});

test('the tables hold what the canvases show', () => {
  const columns = sweepColumns(readSweep(SWEEP, SHAPE), SHAPE);
  const [part, put, raw] = columns;
  assert.equal(part.show(3), 'L1 H0');
  assert.equal(put.show(put.values[3]), '+90\u00a0%');
  assert.equal(raw.show(raw.values[3]), '+1.00');
  assert.equal(raw.show(raw.values[1]), '–', 'the estimate has its own column');
  const answer = (index, probability) => ({ index, name: `c${index}`, emoji: null, logit: 1, probability });
  const run = { clean: { top: [answer(1, 0.7), answer(2, 0.1)] }, corrupt: { top: [answer(2, 0.9)] } };
  const table = answerColumns(run, { chips: [], top: [] });
  assert.deepEqual(table.map(({ id }) => id), ['class', 'corrupt', 'corruptLogit', 'clean', 'cleanLogit'], 'nothing is put in, no column of it');
  assert.deepEqual([...table[1].values], [0.9, NaN]);
});
