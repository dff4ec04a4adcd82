// Light or dark, and the colours that canvases take from CSS.

/** True where the page is dark: Gradio's class on body, else an explicit data-theme, else the system's wish. */
export function isDark() {
  const { body, documentElement } = document;
  if (body.classList.contains('dark')) return true;
  if (document.querySelector('gradio-app, .gradio-container')) return false;
  if (documentElement.dataset.theme) return documentElement.dataset.theme === 'dark';
  return matchMedia('(prefers-color-scheme: dark)').matches;
}

const THEME_COLORS = { fg: '--pl-fg', muted: '--pl-muted', bg: '--pl-bg', soft: '--pl-soft', line: '--pl-line',
  accent: '--pl-accent', one: '--pl-series-1', two: '--pl-series-2', three: '--pl-series-3' };

/** The colours of the theme as canvas colours; CSS resolves color-mix and var before we see them. */
export function readTheme(root) {
  const probe = document.createElement('span');
  probe.style.display = 'none';
  root.append(probe);
  const colors = { dark: root.dataset.theme === 'dark', font: getComputedStyle(root).fontFamily };
  for (const [name, variable] of Object.entries(THEME_COLORS)) {
    probe.style.color = `var(${variable})`;
    colors[name] = getComputedStyle(probe).color;
  }
  probe.remove();
  return colors;
}

/** Mark root with the theme now and at every change, and tell `changed`; returns a function that stops. */
export function watchTheme(root, changed) {
  const apply = () => {
    root.dataset.theme = isDark() ? 'dark' : 'light';
    changed(readTheme(root));
  };
  const observer = new MutationObserver(apply);
  observer.observe(document.body, { attributes: true, attributeFilter: ['class'] });
  observer.observe(document.documentElement, { attributes: true, attributeFilter: ['class', 'data-theme'] });
  const query = matchMedia('(prefers-color-scheme: dark)');
  query.addEventListener('change', apply);
  apply();
  return () => {
    observer.disconnect();
    query.removeEventListener('change', apply);
  };
}
