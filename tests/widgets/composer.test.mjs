import assert from 'node:assert/strict';
import { test } from 'node:test';

import {
  addObject, bringToFront, changeObject, dragObject, handleAt, handlesOf, keyScene, MAX_OBJECTS, nextSelected, objectAt,
  removeObject, sceneValue, tidyObject, wrapAngle,
} from '../../apps/common/widgets/composer/scene.js';

const cat = { class: 0, x: 30, y: 30, size: 40, angle: 0 };
const lion = { class: 5, x: 60, y: 60, size: 40, angle: 0 };
const scene = { size: 96, background: 7, objects: [cat, lion], selected: null };

test('four emoji are the most', () => {
  let full = { ...scene, objects: [] };
  for (let i = 0; i < 6; i++) full = addObject(full, i);
  assert.equal(full.objects.length, MAX_OBJECTS);
  assert.equal(full.selected, 3);
});

test('numbers stay in range, finite and in tenths', () => {
  assert.deepEqual(tidyObject({ class: 1, x: -5, y: 999, size: 1, angle: 370.04 }, 96), { class: 1, x: 0, y: 96, size: 8, angle: 10 });
  assert.deepEqual(tidyObject({ class: 1, x: NaN, y: 1.26, size: 500, angle: undefined }, 96), { class: 1, x: 48, y: 1.3, size: 96, angle: 0 });
  assert.deepEqual([180, -180, 540, -10].map(wrapAngle), [180, 180, 180, -10]);
});

test('the frontmost object under a point is found, turned ones too', () => {
  assert.equal(objectAt(scene, 45, 45), 1, 'both cover it, the later is in front');
  assert.equal(objectAt(scene, 20, 20), 0);
  assert.equal(objectAt(scene, 90, 5), -1);
  const turned = { ...scene, objects: [{ ...cat, angle: 45 }] };
  assert.equal(objectAt(turned, 12, 12), -1, 'a corner of the square, empty once it is turned');
  assert.equal(objectAt(turned, 30, 30 + 26), 0, 'where the corner went');
});

test('handles turn with their object, and can be reached at the border', () => {
  const { resize, rotate } = handlesOf(cat);
  assert.ok(Math.hypot(resize.x - 50, resize.y - 50) < 0.2 && Math.hypot(rotate.x - 50, rotate.y - 10) < 0.2);
  assert.equal(handleAt(cat, 51, 49, 3, 96), 'resize');
  assert.equal(handleAt(cat, 51, 11, 3, 96), 'rotate');
  assert.equal(handleAt(cat, 30, 30, 3, 96), null);
  assert.equal(handleAt({ ...cat, x: 90, y: 90 }, 96, 96, 3, 96), 'resize');
});

test('dragging moves, sizes and turns clockwise', () => {
  assert.deepEqual(dragObject(cat, 'move', { x: 30, y: 30 }, { x: 40, y: 25 }), { x: 40, y: 25 });
  assert.equal(dragObject(cat, 'resize', { x: 40, y: 30 }, { x: 50, y: 30 }).size, 80);
  assert.equal(Math.round(dragObject(cat, 'rotate', { x: 40, y: 30 }, { x: 30, y: 40 }).angle), 90);
});

test('keys nudge, size, turn, order and remove the selected emoji', () => {
  const chosen = { ...scene, selected: 0 };
  assert.equal(keyScene(chosen, 'ArrowRight').objects[0].x, 31);
  assert.equal(keyScene(chosen, 'ArrowUp', true).objects[0].y, 22);
  assert.ok(keyScene(chosen, '+').objects[0].size > 40);
  assert.equal(keyScene(chosen, 'R').objects[0].angle, -15);
  assert.deepEqual(keyScene(chosen, 'f').objects.map((o) => o.class), [5, 0]);
  assert.deepEqual(keyScene(chosen, 'Delete').objects.map((o) => o.class), [5]);
  assert.equal(keyScene(chosen, 'q'), null);
  assert.equal(keyScene(scene, 'ArrowRight'), null, 'nothing selected');
});

test('Tab goes through the objects and then out', () => {
  assert.deepEqual([null, 0, 1].map((selected) => nextSelected({ ...scene, selected }, false)), [0, 1, null]);
  assert.deepEqual([null, 1, 0].map((selected) => nextSelected({ ...scene, selected }, true)), [1, 0, null]);
});

test('removing and ordering keep a sensible selection; the scene itself is never changed in place', () => {
  assert.equal(removeObject({ ...scene, selected: 1 }, 1).selected, 0);
  assert.equal(removeObject({ ...scene, objects: [cat] }, 0).selected, null);
  assert.equal(bringToFront(scene, 0).selected, 1);
  changeObject(scene, 0, { x: 90 });
  assert.equal(scene.objects[0].x, 30);
  assert.deepEqual(sceneValue(scene), { size: 96, background: 7, objects: [cat, lion] });
});
