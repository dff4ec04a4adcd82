// Remembers when an entry of a list was chosen or Enter was pressed: text left in a field by Tab is no choice.
() => {
  if (window.prismaPickedAt !== undefined) return;
  window.prismaPickedAt = -Infinity;
  const picked = () => (window.prismaPickedAt = performance.now());
  addEventListener('keydown', (event) => event.key === 'Enter' && picked(), true);
  for (const kind of ['pointerdown', 'mousedown', 'click']) {
    addEventListener(kind, (event) => event.target.closest?.('[role="option"], [role="listbox"] li') && picked(), true);
  }
}
