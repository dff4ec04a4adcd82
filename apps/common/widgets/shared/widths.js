// Widths of elements, known without asking the browser to lay out again.

/** Watch widths; `changed` is called after one changed. widthOf(element) is the last known width in CSS pixels. */
export function watchWidths(elements, changed) {
  const known = new Map(elements.map((watched) => [watched, watched.clientWidth]));
  const observer = new ResizeObserver((entries) => {
    let differs = false;
    for (const { target } of entries) {
      differs ||= known.get(target) !== target.clientWidth;
      known.set(target, target.clientWidth);
    }
    if (differs) changed();
  });
  elements.forEach((watched) => observer.observe(watched));
  return { widthOf: (watched) => known.get(watched) ?? 0, stop: () => observer.disconnect() };
}
