// Mouse, pen and fingers on the painter's canvas: draw a box or a stroke, move and resize what is there.

import { pointerIn } from '../shared/dom.js';
import { boxBetween, cornerAt, corneredBox, covers, maskShapeAt, movedShape, strokeTo } from './shapes.js';

const MASK_REACH = { mouse: 10, touch: 24 };

/** Let pointers paint; `preview({draft, moved})` while it lasts, `dispatch(action)` on release, `hover(place)` for the brush. */
export function attachMaskPointer(canvas, { getState, sizeOf, preview, dispatch, hover }) {
  let drag = null;
  const placeOf = (event) => {
    const { x, y } = pointerIn(canvas, event);
    const { width, height } = sizeOf();
    return { x: Math.max(0, Math.min(1, x / width)), y: Math.max(0, Math.min(1, y / height)) };
  };
  const aspect = () => sizeOf().height / sizeOf().width;

  function grabbed(event, at) {
    const { shapes, selected, tool } = getState();
    const reach = (event.pointerType === 'touch' ? MASK_REACH.touch : MASK_REACH.mouse) / sizeOf().width;
    const chosen = shapes[selected];
    const corner = chosen && cornerAt(chosen, at.x, at.y, reach, aspect());
    if (corner) return { mode: 'corner', corner, index: selected, shape: chosen };
    if (tool === 'brush') return null;
    const index = chosen && covers(chosen, at.x, at.y, aspect()) ? selected : maskShapeAt(shapes, at.x, at.y, aspect());
    return index < 0 ? null : { mode: 'move', index, shape: shapes[index] };
  }
  function dragged(at) {
    const { mode, from, shape, corner } = drag;
    if (mode === 'move') return { moved: { index: drag.index, shape: movedShape(shape, at.x - from.x, at.y - from.y) } };
    if (mode === 'corner') return { moved: { index: drag.index, shape: corneredBox(shape, corner, at) } };
    if (mode === 'brush') return { draft: (drag.shape = strokeTo(shape, at)) };
    return { draft: boxBetween(from, at) };
  }
  canvas.addEventListener('pointerdown', (event) => {
    if (event.button > 0 || drag) return;
    const at = placeOf(event);
    const { tool, radius } = getState();
    const found = grabbed(event, at);
    if (found) dispatch({ type: 'select', index: found.index });
    drag = { id: event.pointerId, from: at, ...(found ?? (tool === 'brush' ? { mode: 'brush', shape: { kind: 'stroke', r: radius, points: [[at.x, at.y]] } } : { mode: 'box' })) };
    canvas.setPointerCapture(event.pointerId);
    if (drag.mode === 'brush') preview({ draft: drag.shape });
  });
  canvas.addEventListener('pointermove', (event) => {
    const at = placeOf(event);
    if (drag && event.pointerId === drag.id) preview(dragged(at));
    if (event.pointerType !== 'touch') {
      hover(getState().tool === 'brush' ? at : null);
      if (!drag) canvas.style.cursor = { move: 'move', corner: 'nwse-resize' }[grabbed(event, at)?.mode] ?? (getState().tool === 'brush' ? 'none' : 'crosshair');
    }
  });
  canvas.addEventListener('pointerup', (event) => {
    if (!drag || event.pointerId !== drag.id) return;
    const at = placeOf(event);
    const { draft, moved } = dragged(at);
    const isClick = at.x === drag.from.x && at.y === drag.from.y;
    const { mode } = drag;
    drag = null;
    preview({});
    if (moved && !isClick) dispatch({ type: 'replace', ...moved });
    else if (mode === 'box' && isClick) dispatch({ type: 'select', index: null });
    else if (draft) dispatch({ type: 'add', shape: draft });
  });
  canvas.addEventListener('pointercancel', () => {
    drag = null;
    preview({});
  });
  canvas.addEventListener('pointerleave', () => hover(null));
  return { isBusy: () => drag !== null };
}
