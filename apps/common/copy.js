// Copies text; where the clipboard is closed (plain http, no permission), through a selected text area.
async (text, isLink) => {
  const whole = isLink ? `${location.origin}${location.pathname}?${text}` : text;
  try {
    await navigator.clipboard.writeText(whole);
  } catch {
    const area = Object.assign(document.createElement('textarea'), { value: whole });
    area.style.position = 'fixed';
    area.style.opacity = '0';
    document.body.append(area);
    area.select();
    document.execCommand('copy');
    area.remove();
  }
  const said = document.querySelector('#said');
  if (said) {
    said.textContent = isLink ? `Link copied${text.includes('upload=') ? '; your picture is not in it' : ''}.` : 'Python copied.';
    setTimeout(() => { said.textContent = ''; }, 4000);
  }
}
