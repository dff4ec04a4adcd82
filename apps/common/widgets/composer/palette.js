// The palette: every emoji of the vocabulary, found by typing; a click adds it to the scene.

import { make } from '../shared/dom.js';
import { className, searchClasses } from '../shared/vocabulary.js';

const PALETTE_LIMIT = 240;

/** View of the palette: one tab stop, arrows walk through the emoji. */
export function createPalette({ parts, painter, getVocabulary, isFull, add }) {
  const { palette, paletteSearch, paletteNone } = parts;

  function entry(index) {
    const vocabulary = getVocabulary();
    const name = className(vocabulary, index);
    const button = make('button', { type: 'button', class: 'pl-tile pl-emoji', 'aria-label': `Add ${name}`, title: name,
      tabindex: '-1', text: painter.text(vocabulary.emoji[index]) });
    button.addEventListener('click', () => add(index));
    return button;
  }
  function render() {
    const vocabulary = getVocabulary();
    const typed = paletteSearch.value.trim();
    const all = vocabulary.names.map((_, index) => index).slice(0, PALETTE_LIMIT);
    const found = typed ? searchClasses(vocabulary, typed, PALETTE_LIMIT) : all;
    palette.replaceChildren(...found.map(entry));
    if (palette.firstChild) palette.firstChild.tabIndex = 0;
    paletteNone.hidden = found.length > 0;
    showFull();
  }
  function showFull() {
    const full = isFull();
    palette.dataset.full = String(full);
    for (const button of palette.children) button.setAttribute('aria-disabled', String(full));
  }
  function walk(event) {
    const buttons = [...palette.children];
    const at = buttons.indexOf(document.activeElement);
    const perRow = buttons.filter((button) => button.offsetTop === buttons[0].offsetTop).length;
    const step = { ArrowLeft: -1, ArrowRight: 1, ArrowUp: -perRow, ArrowDown: perRow }[event.key];
    if (at < 0 || !step) return;
    event.preventDefault();
    const next = buttons[Math.max(0, Math.min(buttons.length - 1, at + step))];
    buttons[at].tabIndex = -1;
    next.tabIndex = 0;
    next.focus();
  }
  palette.addEventListener('keydown', walk);
  paletteSearch.addEventListener('input', render);
  paletteSearch.addEventListener('keydown', (event) => {
    if (event.key === 'Enter' && palette.firstChild && paletteSearch.value.trim()) palette.firstChild.click();
  });
  return { render, showFull };
}
