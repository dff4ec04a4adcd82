// The two pictures as bitmaps for the canvases; late ones are dropped.

import { fetchPicture } from '../shared/fetching.js';
import { createLatest } from '../shared/schedule.js';

/** Holds the bitmaps {clean, corrupt}; follow(run) fetches those that are new and calls `changed` as they come. */
export function createPictures({ changed, failed }) {
  const images = { clean: null, corrupt: null };
  const urls = { clean: null, corrupt: null };
  const latest = { clean: createLatest(), corrupt: createLatest() };

  async function fetchOne(side, url) {
    const ticket = latest[side].begin();
    images[side] = null;
    try {
      const image = await fetchPicture(url, `The ${side} picture`);
      if (ticket.isStale()) return image.close();
      images[side] = image;
      changed();
    } catch (error) {
      if (!ticket.isStale()) failed(error.message);
    }
    return undefined;
  }
  return {
    images,
    follow(run) {
      for (const side of ['clean', 'corrupt']) {
        if (run[side].image === urls[side]) continue;
        urls[side] = run[side].image;
        fetchOne(side, run[side].image);
      }
    },
    stop: () => Object.values(latest).forEach((one) => one.cancel()),
  };
}
