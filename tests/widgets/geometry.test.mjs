import assert from 'node:assert/strict';
import { test } from 'node:test';

import { layoutStage, moveToken, patchPlace, tokenAt, tokenName, tokenRect } from '../../apps/common/widgets/shared/geometry.js';
import { columnsInSight } from '../../apps/common/widgets/lens/matrix.js';

const square = (n, nPrefix = 1) => layoutStage({ width: 555, rows: n, cols: n, image: [n * 16, n * 16], nPrefix });

for (const n of [7, 12, 14, 16, 24, 32, 37]) {
  test(`${n}×${n}: each corner and outer edge belongs to its corner cell`, () => {
    const layout = square(n);
    const { x, y, width, height } = layout.grid;
    const corners = [[x, y, 1], [x + width, y, n], [x, y + height, 1 + n * (n - 1)], [x + width, y + height, n * n]];
    for (const [px, py, token] of corners) assert.equal(tokenAt(layout, px, py), token);
  });
  test(`${n}×${n}: the middle of every cell finds its own token`, () => {
    const layout = square(n, 5);
    for (let token = 0; token < 5 + n * n; token++) {
      const rect = tokenRect(layout, token);
      assert.equal(tokenAt(layout, rect.x + rect.width / 2, rect.y + rect.height / 2), token);
    }
  });
}

test('prefix tokens have cells above the picture, none where there are none', () => {
  for (let count = 0; count <= 5; count++) {
    const layout = square(14, count);
    assert.equal(layout.prefix.length, count);
    assert.equal(layout.grid.y > 0, count > 0);
    assert.equal(tokenAt(layout, 1, 1), 0, 'the first prefix token, or the first patch');
    for (const rect of layout.prefix) assert.ok(rect.x + rect.width <= layout.width + 1e-9);
  }
  assert.equal(tokenAt(square(14, 1), 550, 5), null, 'beside the CLS cell there is nothing');
  assert.equal(tokenAt(square(14, 1), -3, 100), null);
});

test('a picture that is not square keeps its shape, and a high one keeps within the height', () => {
  const wide = layoutStage({ width: 420, rows: 14, cols: 21, image: [224, 336], nPrefix: 2 });
  assert.equal(wide.grid.height, 280);
  assert.equal(tokenAt(wide, wide.grid.x + 419, wide.grid.y + 279), 2 + 14 * 21 - 1);
  const high = layoutStage({ width: 420, maxHeight: 400, rows: 20, cols: 5, image: [400, 100], nPrefix: 0 });
  assert.ok(high.height <= 400 && high.grid.width === 100);
});

test('arrows hold at the edges and pass between prefix tokens and patches', () => {
  const shape = { rows: 3, cols: 4, nPrefix: 2 };
  const at = (row, col) => 2 + row * 4 + col;
  assert.equal(moveToken(shape, null, 'ArrowRight'), 2, 'nothing chosen: the first patch');
  assert.equal(moveToken(shape, at(0, 0), 'ArrowLeft'), at(0, 0));
  assert.equal(moveToken(shape, at(2, 3), 'ArrowRight'), at(2, 3));
  assert.equal(moveToken(shape, at(2, 3), 'ArrowDown'), at(2, 3));
  assert.equal(moveToken(shape, at(1, 2), 'ArrowUp'), at(0, 2));
  assert.equal(moveToken(shape, at(0, 3), 'ArrowUp'), 1);
  assert.equal(moveToken(shape, 1, 'ArrowDown'), at(0, 3));
  assert.equal(moveToken(shape, 0, 'ArrowLeft'), 0);
  assert.equal(moveToken(shape, 0, 'ArrowUp'), 0);
  assert.equal(moveToken(shape, at(1, 2), 'Home'), at(1, 0));
  assert.equal(moveToken(shape, at(1, 2), 'End'), at(1, 3));
  assert.equal(moveToken({ ...shape, nPrefix: 0 }, 1, 'ArrowUp'), 1, 'no prefix: the top edge holds');
});

test('the table draws only the columns in sight', () => {
  assert.deepEqual(columnsInSight(0, 62 + 220, 1370), [0, 10]);
  assert.deepEqual(columnsInSight(225, 62 + 220, 1370), [10, 21]);
  assert.deepEqual(columnsInSight(1e6, 282, 50)[1], 50);
});

const video = (frames, nPrefix = 0) => layoutStage({ width: 555, rows: 7, cols: 5, image: [112, 80], nPrefix, frames });

test('frames lie side by side, four to a row, and every cell finds its own token', () => {
  for (const frames of [1, 2, 4, 5, 8]) {
    const layout = video(frames, 1);
    assert.equal(layout.pictures.length, frames);
    for (let token = 0; token < 1 + frames * 35; token++) {
      const rect = tokenRect(layout, token);
      assert.equal(tokenAt(layout, rect.x + rect.width / 2, rect.y + rect.height / 2), token);
      assert.ok(rect.x + rect.width <= layout.width + 1e-6 && rect.y + rect.height <= layout.height + 1e-6);
    }
  }
  const { pictures } = video(5);
  assert.equal(pictures[3].y, pictures[0].y);
  assert.ok(pictures[4].y > pictures[0].y && pictures[4].x === pictures[0].x);
  const two = video(2);
  assert.equal(tokenAt(two, two.pictures[0].width + 3, 5), null, 'nothing between frames');
});

test('arrows pass from frame to frame as they lie, and hold at the outer edges', () => {
  const shape = { rows: 2, cols: 3, nPrefix: 0, frames: 5 };
  const at = (frame, row, col) => frame * 6 + row * 3 + col;
  assert.equal(moveToken(shape, at(0, 1, 2), 'ArrowRight'), at(1, 1, 0));
  assert.equal(moveToken(shape, at(1, 0, 0), 'ArrowLeft'), at(0, 0, 2));
  assert.equal(moveToken(shape, at(3, 0, 2), 'ArrowRight'), at(3, 0, 2));
  assert.equal(moveToken(shape, at(0, 1, 1), 'ArrowDown'), at(4, 0, 1), 'to the frame below');
  assert.equal(moveToken(shape, at(1, 1, 1), 'ArrowDown'), at(1, 1, 1), 'below it there is none');
  assert.equal(moveToken(shape, at(1, 0, 1), 'End'), at(1, 0, 2));
});

test('a patch of a video is named with its frame', () => {
  assert.deepEqual(patchPlace({ rows: 2, cols: 3 }, 6 + 4), { frame: 1, row: 1, col: 1 });
  assert.equal(tokenName({ rows: 2, cols: 3, nPrefix: 1, frames: 2, prefixNames: ['CLS'] }, 1 + 6 + 4), 'frame 2, row 2, column 2');
  assert.equal(tokenName({ rows: 2, cols: 3, nPrefix: 1, prefixNames: ['CLS'] }, 1 + 4), 'row 2, column 2');
});
