// Fetching with failures told as one sentence that a visitor can act on.

async function fetchReply(url, what, signal) {
  let reply;
  try {
    reply = await fetch(url, { signal });
  } catch (error) {
    if (error.name === 'AbortError') throw error;
    throw new Error(`${what} could not be fetched: the server does not answer; check the connection and try again.`);
  }
  if (reply.status === 404 || reply.status === 410) {
    throw new Error(`${what} is no longer kept on the server; run the picture again to get it back.`);
  }
  if (!reply.ok) throw new Error(`${what} could not be fetched (status ${reply.status}); try again in a moment.`);
  return reply;
}

/** ArrayBuffer at url; `what` begins the sentence of a failure. */
export async function fetchBytes(url, what, signal) {
  return (await fetchReply(url, what, signal)).arrayBuffer();
}

/** Parsed JSON at url. */
export async function fetchJson(url, what, signal) {
  const text = await (await fetchReply(url, what, signal)).text();
  try {
    return JSON.parse(text);
  } catch {
    throw new Error(`${what} is not what was expected (not JSON); reload the page.`);
  }
}

/** ImageBitmap of the picture at url, its pixels unchanged by colour management. */
export async function fetchPicture(url, what, signal) {
  const blob = await (await fetchReply(url, what, signal)).blob();
  try {
    return await createImageBitmap(blob, { colorSpaceConversion: 'none' });
  } catch {
    throw new Error(`${what} is not a picture that this browser can read.`);
  }
}
