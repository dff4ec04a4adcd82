// Fetches what a run points at: the picture, the activations and the class names; what is known of the latents and the effects may come later.

import { fetchBytes, fetchJson, fetchPicture } from '../shared/fetching.js';
import { createLru } from '../shared/schedule.js';
import { checkVocabulary } from '../shared/vocabulary.js';
import { decodeActs, decodeEffect } from './acts.js';
import { checkColumns } from './columns.js';

/** Holds {image, acts, columns, effect, vocabulary}, null until there; follow(run) fetches what is new and calls `changed` as it comes. */
export function createSteerLoader({ changed, failed }) {
  const assets = { image: null, acts: null, columns: null, effect: null, vocabulary: null };
  const urls = {};
  const tables = createLru(8);

  async function table(url, what, check) {
    if (!tables.has(url)) tables.set(url, check(await fetchJson(url, what)));
    return tables.get(url);
  }
  async function one(name, url, read) {
    if (urls[name] === url) return;
    const old = assets[name];
    [urls[name], assets[name]] = [url, null];
    if (name === 'image') old?.close();
    if (!url) return;
    try {
      const found = await read(url);
      if (urls[name] !== url) {
        if (name === 'image') found.close();
        return;
      }
      assets[name] = found;
      changed(name);
    } catch (error) {
      if (urls[name] === url) failed(error.message);
    }
  }
  return {
    assets,
    follow(run) {
      const nEntries = run.sae.acts?.n_entries;
      const nTokens = run.n_prefix + run.grid[0] * run.grid[1];
      one('image', run.image?.url ?? null, (url) => fetchPicture(url, 'The picture'));
      one('acts', run.sae.acts?.url ?? null, async (url) => decodeActs(await fetchBytes(url, 'The list of activations'), { nTokens, nEntries }));
      one('effect', run.effect?.url ?? null, async (url) => decodeEffect(await fetchBytes(url, 'The direct effects'), nEntries));
      one('columns', run.sae.latents ?? null, (url) => table(url, 'What is known of the latents', (found) => checkColumns(found, run.sae.d_sae)));
      one('vocabulary', run.vocabulary ?? null, (url) => table(url, 'The list of class names', checkVocabulary));
    },
    stop() {
      for (const name of Object.keys(urls)) urls[name] = null;
    },
  };
}
