// A line of plain text for the visitor. It may quote an address that anybody can write, so it is never markup.
const line = element.querySelector('.note');
function draw() {
  line.textContent = props.value?.text ?? '';
}
watch('value', draw);
draw();
