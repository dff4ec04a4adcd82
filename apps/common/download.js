// Saves a file that the server has just written for this visitor.
(file) => {
  const link = Object.assign(document.createElement('a'), { href: file.url, download: file.orig_name ?? '' });
  document.body.append(link);
  link.click();
  link.remove();
}
