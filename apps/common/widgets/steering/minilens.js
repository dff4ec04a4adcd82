// What the logit lens reads of each patch in one run, as emoji over the pale picture.

import { paintBackdrop, paintFaded, snapRect } from '../shared/canvas.js';
import { fitCanvas, make, setText } from '../shared/dom.js';
import { layoutStage, tokenRect } from '../shared/geometry.js';
import { className } from '../shared/vocabulary.js';

const LENS_MOST = 260;
const RINGS_MOST = 0.4; // share of the patches; more rings would hide what they mark

/** Classes of the patches alone, whether given for patches or for all tokens. */
export function patchesOf(values, shape) {
  if (!values) return [];
  return values.length === shape.nTokens ? values.slice(shape.nPrefix) : values;
}

/** The n classes that most patches are read as, most first: [[class, patches], …]. */
export function commonest(classes, n = 3) {
  const counts = new Map();
  for (const index of classes) counts.set(index, (counts.get(index) ?? 0) + 1);
  return [...counts].sort((a, b) => b[1] - a[1] || a[0] - b[0]).slice(0, n);
}

/** The patches that are read otherwise than before; none where there is nothing to compare with. */
export function differing(classes, before) {
  return before.length ? [...classes.keys()].filter((patch) => classes[patch] !== before[patch]) : [];
}

function drawRing(context, { x, y, width, height }) {
  for (const [stroke, thickness] of [
    ['rgba(0,0,0,.7)', 2.5],
    ['#ffffff', 1.2],
  ]) {
    context.strokeStyle = stroke;
    context.lineWidth = thickness;
    context.strokeRect(x + 1, y + 1, width - 2, height - 2);
  }
}

/** A small canvas in `holder`; show(scene, {classes, probabilities, before}) draws it, rings where it differs from `before`. */
export function createMiniLens(holder, widthOf, watched) {
  const canvas = make('canvas', { role: 'img' });
  const words = make('p', { class: 'pl-muted pl-smalltext' });
  holder.append(canvas, words);
  return (scene, { classes, probabilities, before }) => {
    const { shape, run, assets, theme, painter } = scene;
    const width = Math.min(LENS_MOST, widthOf(watched));
    holder.hidden = !classes.length || !assets.image || !assets.vocabulary;
    if (holder.hidden || !width) return;
    const layout = layoutStage({ ...shape, nPrefix: 0, width, image: [run.image.size[1], run.image.size[0]] });
    const context = fitCanvas(canvas, layout.width, layout.height);
    context.clearRect(0, 0, layout.width, layout.height);
    context.drawImage(paintFaded(paintBackdrop(assets.image, layout.pictures[0], false), theme), 0, 0, layout.width, layout.height);
    classes.forEach((index, patch) => {
      const rect = snapRect(tokenRect(layout, patch));
      const sure = probabilities?.[patch] ?? 1;
      context.globalAlpha = 0.1 + 0.4 * sure;
      context.fillStyle = assets.vocabulary.colors[index] ?? '#888888';
      context.fillRect(rect.x, rect.y, rect.width, rect.height);
      context.globalAlpha = 0.3 + 0.7 * sure;
      painter.draw(
        context,
        assets.vocabulary.emoji[index],
        rect.x + rect.width / 2,
        rect.y + rect.height / 2,
        0.86 * Math.min(rect.width, rect.height),
        assets.vocabulary.colors[index],
      );
    });
    context.globalAlpha = 1;
    const changed = differing(classes, before);
    if (changed.length <= RINGS_MOST * classes.length) for (const patch of changed) drawRing(context, snapRect(tokenRect(layout, patch)));
    setText(
      words,
      before.length ? `${changed.length} of ${classes.length} patches read otherwise` : `patch by patch, at ${scene.steered.lens.label}`,
    );
    const told = commonest(classes)
      .map(([index, count]) => `${className(assets.vocabulary, index)} ${count}`)
      .join(', ');
    canvas.setAttribute('aria-label', `Read patch by patch: ${told} patches.${before.length ? ` ${changed.length} differ from the original.` : ''}`);
  };
}
