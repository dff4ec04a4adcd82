// Addresses that no file lies under: the page itself makes what they name, where the suite's server would.

/** Let `make(match)` give the bytes for every address that `pattern` matches; the rest is fetched. */
export function answerFor(pattern, make) {
  const elsewhere = window.fetch.bind(window);
  window.fetch = async (address, options = {}) => {
    const found = pattern.exec(String(address));
    if (!found) return elsewhere(address, options);
    const bytes = await make(found);
    options.signal?.throwIfAborted();
    return new Response(bytes);
  };
}
