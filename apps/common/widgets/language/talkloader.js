// Fetches what a run points at: the picture, the activations, what is known of the latents, and attention when it is asked for.

import { fetchBytes, fetchJson, fetchPicture } from '../shared/fetching.js';
import { expectBytes } from '../shared/lensdata.js';
import { createLru } from '../shared/schedule.js';
import { decodeActs } from '../steering/acts.js';
import { checkColumns } from '../steering/columns.js';

/** The activations at patches alone, as a picture's are; patches are the first tokens. */
export function actsOfPatches(all, nPatches) {
  const end = all.offsets[nPatches];
  const entries = new Map();
  for (let i = 0; i < end; i++) {
    const latent = all.latents[i];
    if (entries.has(latent)) entries.get(latent).push(i);
    else entries.set(latent, [i]);
  }
  return {
    nTokens: nPatches,
    offsets: all.offsets.subarray(0, nPatches + 1),
    latents: all.latents.subarray(0, end),
    values: all.values.subarray(0, end),
    tokens: all.tokens.subarray(0, end),
    entries,
  };
}

/** Read float32 [layer][head][patch] into heads(layer) → one Float32Array a head. */
export function decodeAttention(buffer, { nLayers, nHeads, nPatches }) {
  expectBytes(buffer, 4 * nLayers * nHeads * nPatches, 'The attention');
  const values = new Float32Array(buffer);
  return {
    heads: (layer) =>
      Array.from({ length: nHeads }, (_, head) => {
        const start = (layer * nHeads + head) * nPatches;
        return values.subarray(start, start + nPatches);
      }),
  };
}

/** Holds {image, acts, all, columns}, null until there; follow(run, heard) fetches what is new and calls `changed` as it comes. */
export function createTalkLoader({ changed, failed }) {
  const assets = { image: null, acts: null, all: null, columns: null };
  const urls = {};
  const [tables, gazes, asked] = [createLru(8), createLru(32), new Set()];

  async function one(name, url, read, put) {
    if (urls[name] === url) return;
    urls[name] = url;
    if (!url) return put(null);
    try {
      const found = await read(url);
      if (urls[name] !== url) return name === 'image' && found.close();
      put(found);
      return changed(name);
    } catch (error) {
      return urls[name] === url && failed(error.message);
    }
  }
  async function table(url, dSae) {
    if (!tables.has(url)) tables.set(url, checkColumns(await fetchJson(url, 'What is known of the latents'), dSae));
    return tables.get(url);
  }
  return {
    assets,
    follow(run, heard) {
      const sizes = { nTokens: heard.n_patches + heard.texts.length, nEntries: heard.acts.n_entries };
      one('image', run.image.url, (url) => fetchPicture(url, 'The picture'), (found) => {
        assets.image?.close();
        assets.image = found;
      });
      one('columns', run.sae.latents, (url) => table(url, run.sae.d_sae), (found) => (assets.columns = found));
      one('acts', heard.acts.url, async (url) => decodeActs(await fetchBytes(url, 'The list of activations'), sizes), (found) => {
        assets.all = found;
        assets.acts = found && actsOfPatches(found, heard.n_patches);
      });
    },
    /** The attention of a word, undefined until it has come. */
    gaze(url, sizes) {
      if (!gazes.has(url) && !asked.has(url)) {
        asked.add(url);
        fetchBytes(url, 'The attention')
          .then((bytes) => {
            gazes.set(url, decodeAttention(bytes, sizes));
            changed('gaze');
          })
          .catch((error) => failed(error.message))
          .finally(() => asked.delete(url));
      }
      return gazes.get(url);
    },
    stop() {
      for (const name of Object.keys(urls)) urls[name] = null;
    },
  };
}
