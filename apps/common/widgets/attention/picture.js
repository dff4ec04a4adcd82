// The picture of one run: two canvases, the ground below and attention above, so that pointing redraws little.

import { paintBackdrop, paintFaded } from '../shared/canvas.js';
import { fitCanvas, make, pointerIn, setText } from '../shared/dom.js';
import { layoutStage, MOVE_KEYS, tokenAt } from '../shared/geometry.js';
import { createGate } from '../shared/schedule.js';
import { createInk, drawGround, drawLensOver, drawOver } from './paint.js';

const PICTURE_MAX = 520;
const HELP_ROOM = 30; // CSS pixels that the "?" beside the prefix cells needs
const PICTURE_HELP = 'Arrow keys move from patch to patch, Enter locks, Escape clears, square brackets change the layer, comma and full stop the head.';

/** Point of the lens that a layer is painted with: after its attention, where the lens has that point. */
export function lensPoint(labels, layer) {
  const at = (label) => labels.indexOf(label);
  return [at(`${layer}_mid`), at(`${layer + 1}_pre`), labels.length - 1].find((i) => i >= 0);
}

/**
 * View of the picture of run `index` inside a holder.
 *
 * `toFirst(token)` names the first run's token for one of this run's; `widthOf(element)` gives a width without laying out.
 */
export function createPicture({ holder, index, getScene, dispatch, widthOf, speak, toFirst }) {
  const title = make('figcaption', { class: 'pl-panetitle' });
  const base = make('canvas', { class: 'pl-base', 'aria-hidden': 'true' });
  const over = make('canvas', { class: 'pl-over', tabindex: '0', role: 'application', 'aria-roledescription': 'patch grid' });
  const canvases = make('div', { class: 'pl-canvases' }, base, over);
  const help = make('button', { type: 'button', class: 'pl-help pl-prefixhelp', 'data-term': 'cls', hidden: true });
  canvases.append(help);
  holder.replaceChildren(title, canvases);
  const [ground, above] = [createGate(), createGate()];
  const ink = createInk();
  let [layout, backdrops, faded, backdropKey] = [null, [], [], ''];

  function relayout(pane) {
    const width = Math.min(PICTURE_MAX * (pane.shape.frames > 1 ? 1.4 : 1), widthOf(holder));
    layout = layoutStage({ ...pane.shape, width, maxHeight: Math.max(300, Math.min(620, innerHeight * 0.9)), image: pane.run.image });
  }
  // Right of the prefix cells, or where they fill the width in the corner of the first one.
  function placeHelp() {
    const last = layout.prefix.at(-1);
    help.hidden = !last;
    if (!last) return;
    const isRoom = last.x + last.width + HELP_ROOM <= layout.width;
    const left = isRoom ? last.x + last.width + 8 : layout.prefix[0].x + layout.prefix[0].width - 19;
    help.style.transform = `translate(${left}px, ${isRoom ? 13 : 1}px)`;
  }
  function refreshBackdrops(scene, pane) {
    const { width, height } = layout.pictures[0];
    const key = [scene.serial, width, height, devicePixelRatio, scene.theme.dark].join();
    if (key === backdropKey && backdrops.length) return;
    backdropKey = key;
    backdrops = pane.images.map((image) => paintBackdrop(image, { width, height }, image.width < 64));
    faded = backdrops.map((backdrop) => paintFaded(backdrop, scene.theme));
  }
  function drawBelow(scene, pane, isFaded) {
    const { state } = scene;
    const point = state.paint === 'lens' && pane.lens && pane.vocabulary ? lensPoint(pane.run.lens.labels, pane.head.layer) : null;
    const key = [scene.serial, layout.width, layout.height, devicePixelRatio, scene.themeSerial, isFaded, point, point === null ? '' : state.opacity];
    if (!ground.opens(key.join())) return;
    refreshBackdrops(scene, pane);
    const context = fitCanvas(base, layout.width, layout.height);
    drawGround(context, { ...scene, layout }, pane, isFaded ? faded : backdrops);
    if (point !== null) drawLensOver(context, { ...scene, layout }, pane, point);
  }
  function drawAbove(scene, pane) {
    const { state } = scene;
    const shown = { reading: pane.reading, hover: pane.hover, locked: pane.token, cell: pane.cell };
    const key = [scene.serial, pane.unitKey, layout.width, layout.height, devicePixelRatio, scene.themeSerial, state.paint, state.opacity, state.norm,
      pane.reading?.token, pane.hover, pane.token, pane.cell?.query, pane.cell?.key];
    if (!above.opens(key.join())) return;
    drawOver(fitCanvas(over, layout.width, layout.height), { ...scene, layout }, pane, shown, ink);
  }
  // Until a picture has come, the one before it must not stand under its name.
  function drawNothing({ theme }) {
    forget();
    const context = fitCanvas(base, layout.width, layout.height);
    context.clearRect(0, 0, layout.width, layout.height);
    context.fillStyle = theme.soft;
    for (const { x, y, width, height } of layout.pictures) context.fillRect(x, y, width, height);
    fitCanvas(over, layout.width, layout.height).clearRect(0, 0, layout.width, layout.height);
  }
  function render() {
    const scene = getScene();
    const pane = scene?.panes[index];
    holder.hidden = !pane;
    if (!pane || !widthOf(holder)) return undefined;
    setText(title, pane.title);
    const label = `${pane.title}: its patches. ${PICTURE_HELP}`;
    if (over.getAttribute('aria-label') !== label) over.setAttribute('aria-label', label);
    relayout(pane);
    placeHelp();
    if (!pane.images) return drawNothing(scene);
    drawBelow(scene, pane, Boolean(pane.reading) && scene.state.paint !== 'lens');
    return drawAbove(scene, pane);
  }

  const tokenOf = (event) => {
    const { x, y } = pointerIn(over, event);
    const token = layout && tokenAt(layout, x, y);
    return token === null ? null : toFirst(token);
  };
  over.addEventListener('pointermove', (event) => event.pointerType !== 'touch' && dispatch({ type: 'hover', token: tokenOf(event) }));
  over.addEventListener('pointerleave', (event) => event.pointerType !== 'touch' && dispatch({ type: 'hover', token: null }));
  over.addEventListener('click', (event) => {
    const token = tokenOf(event);
    if (token !== null) dispatch({ type: 'lockToken', token });
  });
  over.addEventListener('keydown', (event) => {
    if (event.ctrlKey || event.metaKey || event.altKey) return;
    if (MOVE_KEYS.includes(event.key)) dispatch({ type: 'moveToken', key: event.key });
    else if (event.key === 'Enter' || event.key === ' ') dispatch({ type: 'toggleToken' });
    else return;
    event.preventDefault();
    speak();
  });
  function forget() {
    ground.reset();
    above.reset();
  }
  return { render, forget, canvases: [base, over] };
}
