// A text box with suggestions, after the ARIA combobox pattern: arrows walk, Enter takes, Esc closes.

import { make, uniqueId } from './dom.js';

/**
 * Give an input a list of suggestions.
 *
 * `search(text)` returns items, `render(item)` the nodes of one option, `label(item)` what the box then says,
 * `choose(item)` is called with what the visitor took.
 */
export function attachCombobox({ input, listbox, search, render, label, choose }) {
  let items = [];
  let active = -1;
  listbox.id = uniqueId('listbox');
  const attributes = { role: 'combobox', 'aria-autocomplete': 'list', 'aria-expanded': 'false',
    'aria-controls': listbox.id, autocomplete: 'off', spellcheck: 'false' };
  for (const [name, value] of Object.entries(attributes)) input.setAttribute(name, value);
  listbox.setAttribute('role', 'listbox');

  function close() {
    listbox.hidden = true;
    active = -1;
    input.setAttribute('aria-expanded', 'false');
    input.removeAttribute('aria-activedescendant');
  }
  function mark(index) {
    active = (index + items.length) % items.length;
    [...listbox.children].forEach((option, i) => option.setAttribute('aria-selected', String(i === active)));
    input.setAttribute('aria-activedescendant', listbox.children[active].id);
    listbox.children[active].scrollIntoView({ block: 'nearest' });
  }
  function take(item) {
    input.value = label(item);
    close();
    choose(item);
  }
  function option(item) {
    const made = make('li', { role: 'option', id: uniqueId('option'), 'aria-selected': 'false' }, ...render(item));
    made.addEventListener('pointerdown', (event) => event.preventDefault());
    made.addEventListener('click', () => take(item));
    return made;
  }
  function open() {
    items = search(input.value);
    listbox.replaceChildren(...items.map(option));
    const typed = input.value.trim() !== '';
    if (typed && !items.length) listbox.replaceChildren(make('li', { class: 'pl-none', text: 'No class has this name.' }));
    listbox.hidden = !typed && !items.length;
    active = -1;
    input.setAttribute('aria-expanded', String(!listbox.hidden));
  }
  function onKey(event) {
    if (event.key === 'Escape' && !listbox.hidden) {
      event.stopPropagation();
      return close();
    }
    if (event.key === 'Enter' && items.length && !listbox.hidden) {
      event.preventDefault();
      return take(items[Math.max(0, active)]);
    }
    const step = { ArrowDown: 1, ArrowUp: -1 }[event.key];
    if (!step) return undefined;
    event.preventDefault();
    if (listbox.hidden) open();
    if (items.length) mark(active < 0 && step < 0 ? items.length - 1 : active + step);
    return undefined;
  }
  input.addEventListener('input', open);
  input.addEventListener('focus', () => input.select());
  input.addEventListener('blur', close);
  input.addEventListener('keydown', onKey);
  close();
  return { close };
}
