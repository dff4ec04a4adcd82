// Definitions one click away: every "?" and every underlined word opens one small popover with a term's meaning.

import { make } from './dom.js';

function placeBeside(popover, button) {
  const at = button.getBoundingClientRect();
  const box = popover.getBoundingClientRect();
  const left = Math.max(8, Math.min(at.left, innerWidth - box.width - 8));
  const below = at.bottom + 6 + box.height < innerHeight;
  popover.style.left = `${left}px`;
  popover.style.top = `${below ? at.bottom + 6 : Math.max(8, at.top - box.height - 6)}px`;
}

/** Let every button with data-term below root tell `glossary[term]` = {title, text}. */
export function attachHelp(root, glossary) {
  const title = make('strong');
  const text = make('p');
  const popover = make('div', { class: 'pl-popover', popover: 'auto', role: 'note' }, title, text);
  root.append(popover);
  const scrolled = () => popover.hidePopover();
  // Esc closes the popover and reaches nothing else.
  const escaped = (event) => {
    if (event.key !== 'Escape') return;
    event.preventDefault();
    event.stopImmediatePropagation();
    popover.hidePopover();
  };
  popover.addEventListener('toggle', (event) => {
    const listen = event.newState === 'open' ? 'addEventListener' : 'removeEventListener';
    globalThis[listen]('scroll', scrolled, { passive: true });
    globalThis[listen]('keydown', escaped, { capture: true });
  });
  root.addEventListener('click', (event) => {
    const button = event.target.closest?.('[data-term]');
    const entry = button && glossary[button.dataset.term];
    if (!entry) return;
    title.textContent = entry.title;
    text.textContent = entry.text;
    popover.showPopover();
    placeBeside(popover, button);
  });
  for (const button of root.querySelectorAll('[data-term]')) {
    if (button.textContent) continue;
    button.textContent = '?';
    button.setAttribute('aria-label', `What is meant: ${glossary[button.dataset.term]?.title ?? ''}`);
  }
}
