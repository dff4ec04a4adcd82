// The head of every page: light or dark as the system has it, until the visitor presses the button; this page's link in sight.

const KEY = 'theme';
const root = document.documentElement;
const isDark = () => (root.dataset.theme ? root.dataset.theme === 'dark' : matchMedia('(prefers-color-scheme: dark)').matches);

try {
  const kept = localStorage.getItem(KEY);
  if (kept) root.dataset.theme = kept;
} catch {
  // Without storage the choice lasts as long as the page.
}
const button = document.getElementById('theme');
const label = () => button.setAttribute('aria-label', isDark() ? 'Light colours' : 'Dark colours');
button.addEventListener('click', () => {
  root.dataset.theme = isDark() ? 'light' : 'dark';
  label();
  try {
    localStorage.setItem(KEY, root.dataset.theme);
  } catch {
    // As above.
  }
});
label();
document.querySelector('nav [aria-current="page"]')?.scrollIntoView({ block: 'nearest', inline: 'center' });
