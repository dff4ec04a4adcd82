// What can be asked of a run: each request knows its key, fetches its bytes and reads them.

import { fetchBytes, fetchJson, fetchPicture } from '../shared/fetching.js';
import { decodeLens } from '../shared/lensdata.js';
import { checkVocabulary } from '../shared/vocabulary.js';
import { decodeExact, decodeMaps, decodeMetrics, decodeThumbs, decodeToken } from './decode.js';
import { fileKind, hasFile, mapsFile, runShape } from './run.js';

function urlOf(run, name) {
  return run.files?.[name] ?? `${run.base}${name}`;
}

function request(run, name, what, decode) {
  async function load(signal) {
    if (!hasFile(run, name)) throw new Error(`${what} is not part of this page; open the live page to see it.`);
    const buffer = await fetchBytes(urlOf(run, name), what, signal);
    return { data: decode(buffer), bytes: buffer.byteLength };
  }
  return { key: `${run.key}|${run.base}|${name}`, load };
}

function jsonRequest(url, what, check) {
  const load = async (signal) => ({ data: check(await fetchJson(url, what, signal)), bytes: 100_000 });
  return { key: url, load };
}

/** The pictures of a run, one a frame, as ImageBitmaps. */
export function imageRequest(run) {
  const { frames } = runShape(run);
  const names = frames > 1 ? Array.from({ length: frames }, (_, i) => `image/${i}`) : ['image'];
  const load = async (signal) => {
    const data = await Promise.all(names.map((name) => fetchPicture(urlOf(run, name), 'The picture', signal)));
    return { data, bytes: 4 * data.length * run.image[0] * run.image[1] };
  };
  return { key: `${run.key}|${run.base}|image`, load };
}

/** The matrices that hold a head, as decoded chunk. */
export function mapsRequest(run, state, head) {
  const { name, count } = mapsFile(run, fileKind(state.kind, state.scale), head);
  return request(run, name, 'This layer', (buffer) => decodeMaps(buffer, count, runShape(run).nTokens));
}

/** Thumbnails of all heads. */
export function wallRequest(run, state) {
  const count = run.n_layers * run.n_heads;
  return request(run, `wall/${fileKind(state.kind, state.scale)}`, 'The wall of heads', (buffer) => decodeThumbs(buffer, count, run.thumb));
}

/** One token in all heads. */
export function tokenRequest(run, state, token) {
  const count = run.n_layers * run.n_heads;
  const name = `token/${fileKind(state.kind, state.scale)}/${token}`;
  return request(run, name, 'This patch in every head', (buffer) => decodeToken(buffer, count, runShape(run).nTokens));
}

/** Exact numbers of one token in one head. */
export function exactRequest(run, head, token) {
  const name = `exact/${head.layer}/${head.unit}/${token}`;
  return request(run, name, 'The table of exact numbers', (buffer) => decodeExact(buffer, runShape(run).nTokens));
}

/** The metrics of all heads. */
export function metricsRequest(run) {
  const ids = run.metrics.map((metric) => metric.id);
  return request(run, 'metrics', 'The metrics of the heads', (buffer) => decodeMetrics(buffer, ids, run.n_layers * run.n_heads));
}

/** The first class of every patch at every layer. */
export function lensRequest(run) {
  const meta = { grid: run.grid, frames: run.frames, n_prefix: run.n_prefix, prefix_names: run.prefix_names, labels: run.lens.labels, k: 1 };
  return request(run, 'lens', 'The lens', (buffer) => decodeLens(buffer, meta));
}

/** Names, emoji and colours of a run's classes. */
export function vocabularyRequest(run) {
  return jsonRequest(run.lens.vocabulary, 'The list of class names', checkVocabulary);
}

function checkTypes(types) {
  const whole = Array.isArray(types?.types) && Array.isArray(types?.found) && Number.isInteger(types?.layers) && Number.isInteger(types?.heads);
  if (!whole) throw new Error('The evidence on head types is not what was expected; run it again.');
  return types;
}

/** The evidence on head types. */
export function typesRequest(url) {
  return jsonRequest(url, 'The evidence on head types', checkTypes);
}
