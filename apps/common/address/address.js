// Keeps the browser's address in step with the view, so that a reload or a bookmark comes back to it.
const line = element.querySelector('.address');

function write() {
  const query = props.value?.query;
  if (!query) return;
  line.textContent = query;
  const own = [...new URLSearchParams(location.search)].filter(([name]) => name.startsWith('__'));
  const kept = own.length ? `&${new URLSearchParams(own)}` : '';
  history.replaceState(history.state, '', `${location.pathname}?${query}${kept}${location.hash}`);
}

watch('value', write);
write();
