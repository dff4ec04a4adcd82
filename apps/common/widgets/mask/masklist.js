// The text twin of the mask: one row a shape, with number inputs for the edges of boxes.

import { make, setText } from '../shared/dom.js';
import { boxBetween, tidyMaskShape } from './shapes.js';

const EDGES = [['x0', 'Left'], ['y0', 'Top'], ['x1', 'Right'], ['y1', 'Bottom']];
const percent = (share) => String(Math.round(1000 * share) / 10);

/** What a shape is called: "Box 1, 30 % × 25 %", "Stroke 2, 14 points". */
export function shapeWords(shape, i) {
  if (shape.kind === 'stroke') return `Stroke ${i + 1}, ${shape.points.length} point${shape.points.length === 1 ? '' : 's'}`;
  return `Box ${i + 1}, ${percent(shape.x1 - shape.x0)} % × ${percent(shape.y1 - shape.y0)} %`;
}

/** A shape with one edge (in per cent) set; radius for strokes. */
export function withEdge(shape, edge, value) {
  if (edge === 'r') return tidyMaskShape({ ...shape, r: value / 100 });
  const box = { ...shape, [edge]: value / 100 };
  return tidyMaskShape(boxBetween({ x: box.x0, y: box.y0 }, { x: box.x1, y: box.y1 }));
}

/** View of the list. */
export function createMaskList({ parts, dispatch }) {
  let shown = '';
  function field(shape, i, edge, label) {
    const input = make('input', { type: 'number', class: 'pl-input', min: 0, max: edge === 'r' ? 50 : 100, step: 1, inputmode: 'decimal', value: percent(shape[edge]) });
    input.addEventListener('change', () => input.value !== '' && dispatch({ type: 'replace', index: i, shape: withEdge(shape, edge, Number(input.value)) }));
    return make('label', {}, make('span', { text: `${label} (%)` }), input);
  }
  function row(shape, i, isSelected) {
    const name = shapeWords(shape, i);
    const pick = make('button', { type: 'button', class: 'pl-maskpick', text: name, 'aria-pressed': String(isSelected), onclick: () => dispatch({ type: 'select', index: i }) });
    const away = make('button', { type: 'button', class: 'pl-button pl-small', text: 'Remove', 'aria-label': `Remove ${name}`, onclick: () => dispatch({ type: 'remove', index: i }) });
    const fields = shape.kind === 'box' ? EDGES.map(([edge, label]) => field(shape, i, edge, label)) : [field(shape, i, 'r', 'Thickness')];
    return make('li', {}, make('div', { class: 'pl-maskhead' }, pick, away), make('div', { class: 'pl-maskfields' }, ...fields));
  }
  function render({ shapes, selected }) {
    const key = JSON.stringify([shapes, selected, parts.twin.open]);
    if (key === shown || !parts.twin.open) return;
    shown = key;
    parts.shapes.replaceChildren(...shapes.map((shape, i) => row(shape, i, i === selected)));
    setText(parts.noShapes, shapes.length ? '' : 'Nothing is covered yet.');
    parts.noShapes.hidden = shapes.length > 0;
  }
  return { render };
}
