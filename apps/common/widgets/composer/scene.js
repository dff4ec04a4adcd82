// A scene as numbers: up to four emoji on a background, and every way to change them. No drawing.

export const MAX_OBJECTS = 4;
export const MAX_BACKGROUND = 9999;
const PLACES = [[0.5, 0.5], [0.3, 0.32], [0.7, 0.68], [0.3, 0.72]];
const HANDLE_REACH = 1.42; // corner of a square, in half sides

const clampTo = (v, low, high) => Math.max(low, Math.min(high, v));
const tenth = (v) => Math.round(v * 10) / 10;

/** Smallest and largest side of an object, in pixels of the model's picture, `size` on a side. */
export function sizeLimits(size) {
  return [8, size];
}

/** An angle in degrees as −180 < angle ≤ 180, clockwise. */
export function wrapAngle(angle) {
  const turned = ((angle % 360) + 360) % 360;
  return turned > 180 ? turned - 360 : turned;
}

/** An object with its numbers in range and rounded to tenths; a number that is none becomes the middle. */
export function tidyObject(object, size) {
  const number = (v, fallback) => (Number.isFinite(v) ? v : fallback);
  return {
    class: object.class,
    x: tenth(clampTo(number(object.x, size / 2), 0, size)),
    y: tenth(clampTo(number(object.y, size / 2), 0, size)),
    size: tenth(clampTo(number(object.size, size / 2), ...sizeLimits(size))),
    angle: tenth(wrapAngle(number(object.angle, 0))),
  };
}

/** The scene with a further emoji, selected; unchanged where it is full. */
export function addObject(scene, index) {
  const { objects, size } = scene;
  if (objects.length >= MAX_OBJECTS) return scene;
  const [x, y] = PLACES[objects.length];
  const added = tidyObject({ class: index, x: x * size, y: y * size, size: size * 0.45, angle: 0 }, size);
  return { ...scene, objects: [...objects, added], selected: objects.length };
}

/** The scene without object i. */
export function removeObject(scene, i) {
  const objects = scene.objects.filter((_, at) => at !== i);
  return { ...scene, objects, selected: objects.length ? Math.min(i, objects.length - 1) : null };
}

/** The scene with numbers of object i replaced. */
export function changeObject(scene, i, change) {
  const objects = scene.objects.map((object, at) => (at === i ? tidyObject({ ...object, ...change }, scene.size) : object));
  return { ...scene, objects };
}

/** The scene with object i in front of all others, still selected. */
export function bringToFront(scene, i) {
  const objects = [...scene.objects.filter((_, at) => at !== i), scene.objects[i]];
  return { ...scene, objects, selected: objects.length - 1 };
}

function localPoint(object, x, y) {
  const turn = (-object.angle * Math.PI) / 180;
  const [dx, dy] = [x - object.x, y - object.y];
  return [dx * Math.cos(turn) - dy * Math.sin(turn), dx * Math.sin(turn) + dy * Math.cos(turn)];
}

/** Index of the frontmost object whose square holds a point, or −1. */
export function objectAt({ objects }, x, y) {
  return objects.findLastIndex((object) => {
    const [dx, dy] = localPoint(object, x, y);
    return Math.max(Math.abs(dx), Math.abs(dy)) <= object.size / 2;
  });
}

/** Where an object's handles lie: the turned lower right corner resizes, the upper right one rotates. */
export function handlesOf(object) {
  const corner = (sign) => {
    const turn = ((object.angle + sign * 45) * Math.PI) / 180;
    const reach = (object.size / 2) * HANDLE_REACH;
    return { x: object.x + reach * Math.cos(turn), y: object.y + reach * Math.sin(turn) };
  };
  return { resize: corner(1), rotate: corner(-1) };
}

/** Name of the handle within `reach` of a point ('resize' or 'rotate'), or null; handles outside the picture are drawn in. */
export function handleAt(object, x, y, reach, size) {
  const near = Object.entries(handlesOf(object)).map(([name, at]) => {
    const seen = { x: clampTo(at.x, 0, size), y: clampTo(at.y, 0, size) };
    return { name, distance: Math.hypot(seen.x - x, seen.y - y) };
  });
  near.sort((a, b) => a.distance - b.distance);
  return near[0].distance <= reach ? near[0].name : null;
}

const degrees = (object, at) => (Math.atan2(at.y - object.y, at.x - object.x) * 180) / Math.PI;

/** What a drag of `mode` ('move', 'resize', 'rotate') from one point to another makes of an object. */
export function dragObject(object, mode, from, to) {
  if (mode === 'move') return { x: object.x + to.x - from.x, y: object.y + to.y - from.y };
  if (mode === 'rotate') return { angle: object.angle + degrees(object, to) - degrees(object, from) };
  const before = Math.max(1, Math.hypot(from.x - object.x, from.y - object.y));
  return { size: (object.size * Math.hypot(to.x - object.x, to.y - object.y)) / before };
}

const KEY_CHANGES = {
  ArrowLeft: (o, step) => ({ x: o.x - step }), ArrowRight: (o, step) => ({ x: o.x + step }),
  ArrowUp: (o, step) => ({ y: o.y - step }), ArrowDown: (o, step) => ({ y: o.y + step }),
  '+': (o) => ({ size: o.size * 1.08 }), '=': (o) => ({ size: o.size * 1.08 }), '-': (o) => ({ size: o.size / 1.08 }),
  r: (o) => ({ angle: o.angle + 15 }), R: (o) => ({ angle: o.angle - 15 }),
};

/** The scene after a key on the canvas, or null where the key means nothing; `far` takes large steps. */
export function keyScene(scene, key, far = false) {
  const i = scene.selected;
  if (i === null || !scene.objects[i]) return null;
  if (key === 'Delete' || key === 'Backspace') return removeObject(scene, i);
  if (key === 'f') return bringToFront(scene, i);
  const change = KEY_CHANGES[key];
  return change ? changeObject(scene, i, change(scene.objects[i], far ? 8 : 1)) : null;
}

/** The next selection of Tab: an index, or null when it leaves the canvas. */
export function nextSelected({ objects, selected }, back) {
  const at = selected === null ? (back ? objects.length - 1 : 0) : selected + (back ? -1 : 1);
  return at >= 0 && at < objects.length ? at : null;
}

/** What is sent to the server. */
export function sceneValue({ size, background, objects }) {
  return { size, background, objects };
}
