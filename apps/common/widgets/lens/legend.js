// What the colours mean at this layer: the classes that are present with their counts, or a colour bar with its unit.

import { mapGradient } from '../shared/color.js';
import { make, setText } from '../shared/dom.js';
import { classCounts } from '../shared/lensdata.js';
import { className } from '../shared/vocabulary.js';
import { shownLayer } from './state.js';

const LEGEND_SIZE = 12;

function makeEntry(dispatch) {
  const swatch = make('span', { class: 'pl-swatch' });
  const emoji = make('span', { class: 'pl-emoji', 'aria-hidden': 'true' });
  const name = make('span', { class: 'pl-name' });
  const count = make('span', { class: 'pl-count' });
  const button = make('button', { type: 'button', class: 'pl-chip', 'aria-pressed': 'false' }, swatch, emoji, name, count);
  const entry = { button, swatch, emoji, name, count, index: null };
  const show = () => dispatch({ type: 'highlight', index: entry.index });
  const hide = () => dispatch({ type: 'highlight', index: null });
  button.addEventListener('pointerenter', (event) => event.pointerType === 'mouse' && show());
  button.addEventListener('pointerleave', hide);
  button.addEventListener('click', () => dispatch({ type: 'pin', index: entry.index }));
  return entry;
}

/** View of the legend and the colour bar. */
export function createLegend({ parts, getScene, dispatch }) {
  const entries = Array.from({ length: LEGEND_SIZE }, () => makeEntry(dispatch));
  const more = make('span', { class: 'pl-more' });
  parts.legend.replaceChildren(...entries.map((entry) => entry.button), more);
  parts.ramp.style.background = mapGradient();

  function fill(entry, item, { vocabulary, state, painter }) {
    entry.button.hidden = !item;
    entry.index = item?.index ?? null;
    if (!item) return;
    entry.swatch.style.background = vocabulary.colors[item.index];
    setText(entry.emoji, painter.text(vocabulary.emoji[item.index]));
    setText(entry.name, className(vocabulary, item.index));
    setText(entry.count, String(item.count));
    entry.button.setAttribute('aria-pressed', String(state.pinned === item.index));
    entry.button.setAttribute('aria-label', `${className(vocabulary, item.index)}, ${item.count} ${item.count === 1 ? 'patch' : 'patches'}; show only these`);
  }
  function renderBar({ scale }) {
    parts.scale.hidden = !scale;
    if (!scale) return;
    setText(parts.scaleLow, scale.low);
    setText(parts.scaleHigh, scale.high);
    setText(parts.scaleUnit, scale.unit);
    parts.scaleHelp.dataset.term = scale.term;
  }
  function render() {
    const scene = getScene();
    if (!scene) return;
    renderBar(scene);
    const counts = classCounts(scene.lens, shownLayer(scene.state), scene.state.least);
    entries.forEach((entry, i) => fill(entry, counts[i], scene));
    const rest = counts.slice(LEGEND_SIZE);
    more.hidden = !rest.length;
    setText(more, `and ${rest.length} more classes on ${rest.reduce((sum, item) => sum + item.count, 0)} patches`);
    const all = scene.lens.rows * scene.lens.cols;
    const shown = counts.reduce((sum, item) => sum + item.count, 0);
    const patches = shown < all ? `${shown} of ${all}` : all;
    setText(parts.legendTotal, `${counts.length} ${counts.length === 1 ? 'class' : 'classes'} on ${patches} ${all === 1 ? 'patch' : 'patches'}`);
  }
  return { render };
}
