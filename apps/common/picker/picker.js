// The shipped scenes as buttons; the pressed one is what the page shows.

const box = element.querySelector('.picker');
let drawn = '';

function button({ name, title, picture }) {
  const node = document.createElement('button');
  node.type = 'button';
  node.dataset.name = name;
  const image = Object.assign(document.createElement('img'), { src: picture, alt: '', loading: 'lazy' });
  const caption = document.createElement('span');
  caption.textContent = title;
  node.append(image, caption);
  node.addEventListener('click', () => trigger('pick', { name }));
  return node;
}

function draw() {
  const { items = [], chosen = null } = props.value ?? {};
  const names = items.map(({ name }) => name).join();
  if (names !== drawn) {
    box.replaceChildren(...items.map(button));
    drawn = names;
  }
  for (const node of box.children) node.setAttribute('aria-pressed', String(node.dataset.name === chosen));
}

watch('value', draw);
draw();
