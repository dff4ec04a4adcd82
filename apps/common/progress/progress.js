// A bar and a line of text, which may quote what a visitor typed and so is set as text, never as markup.

const box = element.querySelector('.work');
const bar = box.querySelector('progress');
const line = box.querySelector('p');

function draw() {
  const { text = '', done = 0, total = 0 } = props.value ?? {};
  box.hidden = !text;
  bar.hidden = !total;
  bar.max = total || 1;
  bar.value = done;
  line.textContent = text;
}

watch('value', draw);
draw();
