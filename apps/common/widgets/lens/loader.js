// Fetches what a value points at: everything together, or one sentence why not.

import { fetchBytes, fetchJson, fetchPicture } from '../shared/fetching.js';
import { decodeClass, decodeLens, decodeMask } from '../shared/lensdata.js';
import { createLru } from '../shared/schedule.js';
import { checkVocabulary } from '../shared/vocabulary.js';

/** Loads results and single classes; vocabularies and classes are kept for the next time. */
export function createLoader() {
  const vocabularies = createLru(6);
  const classes = createLru(24);

  async function vocabularyAt(url, signal) {
    let found = vocabularies.get(url);
    if (!found) {
      found = checkVocabulary(await fetchJson(url, 'The list of class names', signal));
      vocabularies.set(url, found);
    }
    return found;
  }

  /** {lens, image, vocabulary, mask, urls} of a value. */
  async function loadResult({ meta, urls }, signal) {
    const [bytes, image, vocabulary, maskBytes] = await Promise.all([
      fetchBytes(urls.lens, 'The lens data', signal),
      fetchPicture(urls.image, 'The picture', signal),
      vocabularyAt(urls.vocabulary, signal),
      urls.mask ? fetchBytes(urls.mask, 'The mask', signal) : null,
    ]);
    const mask = maskBytes && decodeMask(maskBytes, meta);
    return { lens: decodeLens(bytes, meta), image, vocabulary, mask, urls };
  }

  /** {logit, probability, rank} of one class over layers and tokens. */
  async function loadClass(result, index) {
    const url = `${result.urls.class}${index}`;
    let found = classes.get(url);
    if (!found) {
      found = decodeClass(await fetchBytes(url, 'This class'), result.lens);
      classes.set(url, found);
    }
    return found;
  }
  return { loadResult, loadClass };
}
