// Mouse, pen, fingers and wheel on the composer's canvas.

import { pointerIn } from '../shared/dom.js';
import { changeObject, dragObject, handleAt, objectAt } from './scene.js';

const REACH_MOUSE = 12;
const REACH_TOUCH = 24;

/** Let pointers move, size and turn objects; `preview(scene)` while it lasts, `finish()` on release. */
export function attachPointer(canvas, { getScene, getZoom, preview, finish }) {
  const held = new Map();
  let drag = null;
  let pinch = null;

  const pointOf = (event) => {
    const { x, y } = pointerIn(canvas, event);
    return { x: x / getZoom(), y: y / getZoom() };
  };
  function grab(event, point) {
    const scene = getScene();
    const reach = (event.pointerType === 'touch' ? REACH_TOUCH : REACH_MOUSE) / getZoom();
    const chosen = scene.objects[scene.selected];
    const handle = chosen && handleAt(chosen, point.x, point.y, reach, scene.size);
    if (handle) return { i: scene.selected, mode: handle };
    const i = objectAt(scene, point.x, point.y);
    return i < 0 ? null : { i, mode: 'move' };
  }
  function spread() {
    const [a, b] = [...held.values()];
    return { distance: Math.hypot(a.x - b.x, a.y - b.y), angle: (Math.atan2(b.y - a.y, b.x - a.x) * 180) / Math.PI };
  }
  function startPinch() {
    const i = getScene().selected;
    if (i !== null) pinch = { i, start: spread(), object: getScene().objects[i] };
  }
  canvas.addEventListener('pointerdown', (event) => {
    const point = pointOf(event);
    held.set(event.pointerId, point);
    if (held.size === 2) return startPinch();
    const grabbed = grab(event, point);
    preview({ ...getScene(), selected: grabbed ? grabbed.i : null });
    canvas.setPointerCapture(event.pointerId);
    if (grabbed) drag = { ...grabbed, from: point, object: getScene().objects[grabbed.i] };
    return undefined;
  });
  canvas.addEventListener('pointermove', (event) => {
    const point = pointOf(event);
    if (!held.has(event.pointerId)) return showCursor(event, point);
    held.set(event.pointerId, point);
    if (pinch && held.size === 2) {
      const now = spread();
      const size = (pinch.object.size * now.distance) / Math.max(1, pinch.start.distance);
      return preview(changeObject(getScene(), pinch.i, { size, angle: pinch.object.angle + now.angle - pinch.start.angle }));
    }
    if (drag && !pinch) preview(changeObject(getScene(), drag.i, dragObject(drag.object, drag.mode, drag.from, point)));
    return undefined;
  });
  function showCursor(event, point) {
    const under = grab(event, point);
    canvas.style.cursor = { move: 'grab', resize: 'nwse-resize', rotate: 'alias' }[under?.mode] ?? 'default';
  }
  const release = (event) => {
    if (!held.delete(event.pointerId)) return;
    if (held.size) return;
    if (drag || pinch) finish();
    [drag, pinch] = [null, null];
  };
  canvas.addEventListener('pointerup', release);
  canvas.addEventListener('pointercancel', release);
  canvas.addEventListener('wheel', (event) => {
    const { selected, objects } = getScene();
    const point = pointOf(event);
    if (selected === null || objectAt(getScene(), point.x, point.y) !== selected) return;
    event.preventDefault();
    preview(changeObject(getScene(), selected, { size: objects[selected].size * Math.exp(-event.deltaY / 600) }));
    finish();
  }, { passive: false });
  return { isBusy: () => held.size > 0 };
}
