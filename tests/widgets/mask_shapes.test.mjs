import assert from 'node:assert/strict';
import { test } from 'node:test';

import { shapeWords, withEdge } from '../../apps/common/widgets/mask/masklist.js';
import { fullReason, initialMask, maskStep, maskValue, nextShape } from '../../apps/common/widgets/mask/maskstate.js';
import { boxBetween, cornerAt, corneredBox, countPoints, coverage, covers, freshBox, grownShape, isTiny, MAX_POINTS, MAX_SHAPES, maskShapeAt, movedShape, snapped, strokeTo,
  thinned, tidyMaskShape, tidyShapes } from '../../apps/common/widgets/mask/shapes.js';

const GRID = [4, 4];
const BOX = { kind: 'box', x0: 0.25, y0: 0.25, x1: 0.5, y1: 0.75 };
const LINE = { kind: 'stroke', r: 0.1, points: [[0.2, 0.5], [0.8, 0.5]] };
const steps = (...actions) => actions.reduce((now, action) => maskStep(now, action, GRID), initialMask());

test('boxes have their corners in order and stay inside', () => {
  assert.deepEqual(boxBetween({ x: 0.5, y: 0.75 }, { x: 0.25, y: 0.25 }), BOX);
  assert.deepEqual(tidyMaskShape({ kind: 'box', x0: 2, y0: -1, x1: 0.5, y1: 0.1 }), { kind: 'box', x0: 0.5, y0: 0, x1: 1, y1: 0.1 });
  assert.deepEqual(movedShape(BOX, 9, -9), { kind: 'box', x0: 0.75, y0: 0, x1: 1, y1: 0.5 });
  assert.ok(isTiny({ ...BOX, x1: 0.251 }) && !isTiny(BOX));
});

test('what is no shape is left out', () => {
  assert.deepEqual(tidyShapes([null, { kind: 'star' }, { kind: 'stroke', points: [] }, { kind: 'stroke', r: 'x', points: [[0.1, 'y'], 3] }, BOX]),
    [{ kind: 'stroke', r: 0.05, points: [[0.1, 0]] }, BOX]);
  assert.deepEqual(tidyShapes(null), []);
});

test('there is a most of shapes and of points', () => {
  const many = tidyShapes(Array.from({ length: MAX_SHAPES + 5 }, () => BOX));
  assert.equal(many.length, MAX_SHAPES);
  assert.match(fullReason(many), /most/);
  const long = { ...LINE, points: Array.from({ length: 300 }, (_, i) => [i / 300, 0.5]) };
  assert.equal(countPoints(tidyShapes([long, long])), 300, 'a second stroke of that length has no room');
  const state = steps({ type: 'add', shape: long }, { type: 'add', shape: long });
  assert.equal(countPoints(state.shapes), MAX_POINTS, 'one that is drawn is thinned to the room there is');
  assert.deepEqual(state.shapes[1].points.at(-1), [0.9967, 0.5], 'and keeps its ends');
  assert.equal(maskStep(state, { type: 'add', shape: BOX }, GRID).shapes.length, 2);
});

test('strokes grow by points that are apart', () => {
  const start = { kind: 'stroke', r: 0.1, points: [[0.5, 0.5]] };
  assert.equal(strokeTo(start, { x: 0.501, y: 0.5 }), start);
  assert.deepEqual(strokeTo(start, { x: 0.6, y: 2 }).points, [[0.5, 0.5], [0.6, 1]]);
  assert.equal(thinned(LINE, 2), LINE);
  assert.equal(thinned({ ...LINE, points: [...LINE.points, [1, 1]] }, 1).points.length, 1);
});

test('whole patches: edges on their borders, at least one each way', () => {
  assert.deepEqual(snapped({ kind: 'box', x0: 0.3, y0: 0.3, x1: 0.32, y1: 0.9 }, GRID), { kind: 'box', x0: 0.25, y0: 0.25, x1: 0.5, y1: 1 });
  assert.deepEqual(snapped({ kind: 'box', x0: 0.97, y0: 0.97, x1: 1, y1: 1 }, GRID), { kind: 'box', x0: 0.75, y0: 0.75, x1: 1, y1: 1 });
  assert.equal(snapped(LINE, GRID), LINE);
});

test('a place is covered inside a box, or near a stroke', () => {
  assert.ok(covers(BOX, 0.3, 0.5) && !covers(BOX, 0.6, 0.5));
  assert.ok(covers(LINE, 0.5, 0.59) && !covers(LINE, 0.5, 0.61));
  assert.ok(!covers(LINE, 0.5, 0.59, 2), 'the radius is a share of the width: on a tall picture it reaches less far down');
  assert.ok(covers({ ...LINE, points: [[0.5, 0.5]] }, 0.55, 0.5));
  assert.equal(maskShapeAt([BOX, LINE], 0.3, 0.5, 1), 1, 'the last one is on top');
  assert.equal(maskShapeAt([BOX, LINE], 0.99, 0.99, 1), -1);
});

test('coverage counts patches and pixels', () => {
  assert.deepEqual(coverage([BOX], GRID), { touched: 2, share: 0.125 });
  assert.deepEqual(coverage([], GRID), { touched: 0, share: 0 });
  assert.deepEqual(coverage([{ kind: 'box', x0: 0, y0: 0, x1: 1, y1: 1 }, BOX], GRID), { touched: 16, share: 1 });
});

test('corners are grabbed and pulled across each other', () => {
  assert.equal(cornerAt(BOX, 0.26, 0.74, 0.03), 'x0y1');
  assert.equal(cornerAt(BOX, 0.4, 0.5, 0.03), null);
  assert.equal(cornerAt(LINE, 0.2, 0.5, 0.03), null);
  assert.deepEqual(corneredBox(BOX, 'x0y0', { x: 0.6, y: 0.5 }), { kind: 'box', x0: 0.5, y0: 0.5, x1: 0.6, y1: 0.75 });
});

test('keys make, move and resize a box; undo takes back', () => {
  const made = steps({ type: 'fresh' });
  assert.equal(made.selected, 0);
  const moved = maskStep(made, { type: 'nudge', key: 'ArrowRight' }, GRID);
  assert.equal(moved.shapes[0].x0, 0.6, 'one patch');
  const fine = maskStep(made, { type: 'nudge', key: 'ArrowRight', isFine: true }, GRID);
  assert.equal(fine.shapes[0].x0, 0.4125);
  const grown = maskStep(made, { type: 'nudge', key: 'ArrowDown', isGrowing: true }, GRID);
  assert.equal(grown.shapes[0].y1, 0.9);
  assert.deepEqual(maskStep(grown, { type: 'undo' }, GRID).shapes, made.shapes);
  assert.equal(grownShape(LINE, 0, 0.1).r, 0.15);
  assert.deepEqual(steps({ type: 'undo' }), initialMask());
  assert.notDeepEqual(freshBox([]), freshBox([freshBox([])]), 'a second one lies beside the first');
});

test('what is removed, cleared and selected', () => {
  const two = steps({ type: 'add', shape: BOX }, { type: 'add', shape: LINE });
  assert.equal(two.selected, 1);
  assert.deepEqual(maskStep(two, { type: 'remove' }, GRID).shapes, [BOX]);
  assert.deepEqual(maskStep(two, { type: 'remove', index: 0 }, GRID).shapes, [LINE]);
  assert.deepEqual(maskStep(two, { type: 'clear' }, GRID).shapes, []);
  assert.equal(maskStep(two, { type: 'select', index: 9 }, GRID).selected, null);
  assert.deepEqual([nextShape({ shapes: [BOX, LINE], selected: null }, false), nextShape({ shapes: [BOX, LINE], selected: 1 }, false), nextShape({ shapes: [], selected: null }, false)],
    [0, null, null]);
  assert.throws(() => maskStep(two, { type: 'dance' }, GRID), /no step/);
});

test('what is told is what comes back unchanged', () => {
  const state = steps({ type: 'add', shape: { kind: 'box', x0: 1 / 3, y0: 0.1, x1: 2 / 3, y1: 0.9 } }, { type: 'fill', value: 'blur' }, { type: 'fill', value: 'gold' });
  const told = JSON.parse(JSON.stringify(maskValue(state)));
  assert.equal(told.fill, 'blur');
  assert.deepEqual(tidyShapes(told.shapes), told.shapes, 'an echo is recognised');
  assert.deepEqual(steps({ type: 'take', ...told }).shapes, told.shapes);
});

test('the list names shapes and sets their edges', () => {
  assert.equal(shapeWords(BOX, 0), 'Box 1, 25 % × 50 %');
  assert.equal(shapeWords({ ...LINE, points: [[0, 0]] }, 1), 'Stroke 2, 1 point');
  assert.deepEqual(withEdge(BOX, 'x1', 10), { kind: 'box', x0: 0.1, y0: 0.25, x1: 0.25, y1: 0.75 });
  assert.equal(withEdge(LINE, 'r', 20).r, 0.2);
});
