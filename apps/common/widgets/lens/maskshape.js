// The true mask as something to draw: filled areas, and outlines along pixel edges.

import { parseHex } from '../shared/color.js';

/** A picture of the mask, each object in its class's colour, nothing elsewhere. */
export function paintMask(mask, objects, vocabulary) {
  const canvas = Object.assign(document.createElement('canvas'), { width: mask.width, height: mask.height });
  const context = canvas.getContext('2d');
  const pixels = context.createImageData(mask.width, mask.height);
  const colors = objects.map((object) => parseHex(vocabulary.colors[object.class]));
  mask.ids.forEach((id, i) => {
    const rgb = id && colors[id - 1];
    if (rgb) pixels.data.set([...rgb, 255], 4 * i);
  });
  context.putImageData(pixels, 0, 0);
  return canvas;
}

/** Edges between pixels of different objects, as line segments [x1, y1, x2, y2] in pixels of the mask. */
export function maskEdges({ width, height, ids }) {
  const edges = [];
  const at = (x, y) => (x < 0 || y < 0 || x >= width || y >= height ? 0 : ids[y * width + x]);
  for (let y = 0; y <= height; y++) {
    for (let x = 0; x <= width; x++) {
      if (at(x, y) !== at(x - 1, y) && y < height) edges.push([x, y, x, y + 1]);
      if (at(x, y) !== at(x, y - 1) && x < width) edges.push([x, y, x + 1, y]);
    }
  }
  return edges;
}

/** Middle of each object that is visible: [{object, x, y, area}], in pixels of the mask. */
export function maskCentres({ width, ids }, nObjects) {
  const sums = Array.from({ length: nObjects }, (_, object) => ({ object, x: 0, y: 0, area: 0 }));
  ids.forEach((id, i) => {
    const sum = id && sums[id - 1];
    if (!sum) return;
    sum.x += i % width;
    sum.y += Math.floor(i / width);
    sum.area += 1;
  });
  return sums.filter((sum) => sum.area).map((sum) => ({ ...sum, x: sum.x / sum.area + 0.5, y: sum.y / sum.area + 0.5 }));
}
