// What every page of the site does: show the picture that the address names in a widget, and keep the view in the address.

import { addressOf, readAddress } from './address.js';
import { fetchValue } from './values.js';

const said = () => document.getElementById('said');

/** Tell the visitor something in the page's own line; nothing, to clear it. */
export function tell(sentence) {
  if (said().textContent !== (sentence ?? '')) said().textContent = sentence ?? '';
}

function copyLink() {
  const button = document.getElementById('copy-link');
  button?.addEventListener('click', async () => {
    const isCopied = await (navigator.clipboard?.writeText(location.href) ?? Promise.reject()).then(() => true, () => false);
    tell(isCopied ? 'The link is copied; it opens this very view.' : location.href);
  });
}

/**
 * Run a page.
 *
 * `mount` is the widget's; `opened(page, fields)` is called when a picture is on show, and `onEvent(page, name, data)`
 * for whatever the widget asks. `page` is {name, home, value, element, answer(change), keep(fields), go(name)}: `answer`
 * shows the value with some parts changed, `keep` puts fields into the address. `firstView` says that every picture opens
 * with a view of its own, rather than with the visitor's.
 */
export function startPage({ mount, folder, onEvent = () => {}, opened = () => {}, firstView = false, options = {} }) {
  const element = document.getElementById('widget');
  const links = [...document.querySelectorAll('[data-picture]')];
  const names = links.map((link) => link.dataset.picture);
  let [mounted, nonce, fields, serial] = [null, 0, {}, 0];
  const page = { name: null, home: null, value: null, element, answer, keep, go };

  function write() {
    const text = `#${addressOf({ ...fields, picture: page.name })}`;
    if (text !== location.hash) history.replaceState(null, '', text);
  }
  function keep(more) {
    fields = { ...fields, ...more };
    write();
  }
  function show(value) {
    nonce += 1;
    page.value = { ...value, nonce };
    if (mounted) return mounted.update(page.value);
    mounted = mount({ element, value: page.value, onEvent: heard, ...options });
    return null;
  }
  function answer(change) {
    if (page.value) show({ ...page.value, ...change });
  }
  function heard(name, data) {
    if (name === 'view_change') keep({ view: data.view });
    else onEvent(page, name, data);
  }
  function mark() {
    for (const link of links) link.setAttribute('aria-current', String(link.dataset.picture === page.name));
  }
  async function go(name, asked = {}) {
    serial += 1;
    const ticket = serial;
    const home = new URL(`../data/${folder}/${name}/`, location.href).href.split('#')[0];
    try {
      const value = await fetchValue(`${home}value.json`);
      if (ticket !== serial) return;
      const isFirst = page.name === null;
      Object.assign(page, { name, home });
      fields = { ...asked };
      show({ ...value, view: asked.view ? { ...value.view, ...asked.view } : isFirst || firstView ? value.view : null });
      mark();
      write();
      tell('');
      opened(page, fields);
    } catch (error) {
      if (ticket === serial) tell(error.message);
    }
  }
  function follow() {
    const asked = readAddress(location.hash);
    return go(names.includes(asked.picture) ? asked.picture : (page.name ?? names[0]), asked);
  }
  window.addEventListener('hashchange', follow);
  copyLink();
  follow();
  return page;
}
