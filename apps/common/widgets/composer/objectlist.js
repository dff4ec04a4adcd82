// The text twin of the scene: one row an object, with number inputs for everything that can be dragged.

import { make, setText } from '../shared/dom.js';
import { className } from '../shared/vocabulary.js';
import { sizeLimits } from './scene.js';

const FIELDS = [
  { name: 'x', label: 'Across', unit: 'px', step: 1 }, { name: 'y', label: 'Down', unit: 'px', step: 1 },
  { name: 'size', label: 'Size', unit: 'px', step: 1 }, { name: 'angle', label: 'Turn', unit: '°', step: 5 },
];

/** View of the list; `change(i, {name: number})`, `select(i)`, `remove(i)` and `front(i)` are told what the visitor does. */
export function createObjectList({ parts, painter, getVocabulary, change, select, remove, front }) {
  const rows = [];

  function field(i, { name, label, unit, step }) {
    const input = make('input', { type: 'number', class: 'pl-input', step, inputmode: 'decimal' });
    input.addEventListener('change', () => input.value !== '' && change(i, { [name]: Number(input.value) }));
    return { name, input, shown: make('label', {}, make('span', { text: `${label} (${unit})` }), input) };
  }
  function row(i) {
    const emoji = make('span', { class: 'pl-emoji', 'aria-hidden': 'true' });
    const name = make('span', { class: 'pl-name' });
    const pick = make('button', { type: 'button', class: 'pl-pick', onclick: () => select(i) }, emoji, name);
    const toFront = make('button', { type: 'button', class: 'pl-button pl-small', text: 'To front', onclick: () => front(i) });
    const away = make('button', { type: 'button', class: 'pl-button pl-small', text: 'Remove', onclick: () => remove(i) });
    const fields = FIELDS.map((entry) => field(i, entry));
    const shown = make('li', {}, make('div', { class: 'pl-objecthead' }, pick, toFront, away),
      make('div', { class: 'pl-fields' }, ...fields.map((entry) => entry.shown)));
    return { shown, emoji, name, pick, toFront, away, fields };
  }
  function fill(entry, object, i, scene) {
    const vocabulary = getVocabulary();
    const name = className(vocabulary, object.class);
    const [low, high] = sizeLimits(scene.size);
    const ranges = { x: [0, scene.size], y: [0, scene.size], size: [low, high], angle: [-180, 180] };
    setText(entry.emoji, painter.text(vocabulary.emoji[object.class]));
    setText(entry.name, name);
    entry.pick.setAttribute('aria-pressed', String(scene.selected === i));
    entry.toFront.setAttribute('aria-label', `Bring ${name} to the front`);
    entry.toFront.disabled = i === scene.objects.length - 1;
    entry.away.setAttribute('aria-label', `Remove ${name}`);
    for (const { name: key, input } of entry.fields) {
      [input.min, input.max] = ranges[key];
      if (document.activeElement !== input || Number(input.value) !== object[key]) input.value = String(object[key]);
    }
  }
  function render(scene) {
    while (rows.length < scene.objects.length) rows.push(row(rows.length));
    rows.length = scene.objects.length;
    if (parts.objects.children.length !== rows.length) parts.objects.replaceChildren(...rows.map((entry) => entry.shown));
    rows.forEach((entry, i) => fill(entry, scene.objects[i], i, scene));
    parts.noObjects.hidden = rows.length > 0;
  }
  return { render };
}
