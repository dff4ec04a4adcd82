// The model's own answer: five rows of emoji, name, probability and logit. Names are set as text, never as markup.

const list = element.querySelector('.answers');
const caption = element.querySelector('.answer-caption');

function span(className, text) {
  const node = document.createElement('span');
  node.className = className;
  node.textContent = text;
  return node;
}

function row({ emoji, name, logit, probability }) {
  const item = document.createElement('li');
  const percent = 100 * probability;
  const shown = percent > 0 && percent < 0.01 ? '< 0.01' : percent.toFixed(percent < 1 ? 2 : 1); // as the lens shows it
  const bar = span('bar', '');
  const fill = span('', '');
  fill.style.width = `${percent}%`;
  bar.append(fill);
  const number = span('number', `${shown} % · logit ${logit.toFixed(2).replace('-', '−')}`);
  item.append(span('emoji', emoji), span('name', name), number, bar);
  item.firstChild.setAttribute('aria-hidden', 'true');
  return item;
}

function draw() {
  caption.textContent = props.value?.caption ?? '';
  list.replaceChildren(...(props.value?.rows ?? []).map(row));
}

watch('value', draw);
draw();
