// The sparse activations of one picture: which latents are on at which token, and how strongly.

import { expectBytes } from '../shared/lensdata.js';

function tokensOfEntries(offsets) {
  const tokens = new Uint32Array(offsets.at(-1));
  for (let token = 0; token + 1 < offsets.length; token++) tokens.fill(token, offsets[token], offsets[token + 1]);
  return tokens;
}

/**
 * Read the activations: uint32 offsets[T + 1], uint32 latents[n], float32 acts[n], little-endian, by token.
 *
 * `entries` holds for each latent that is on anywhere the positions of its activations.
 */
export function decodeActs(buffer, { nTokens, nEntries }) {
  expectBytes(buffer, 4 * (nTokens + 1) + 8 * nEntries, 'The list of activations');
  const offsets = new Uint32Array(buffer, 0, nTokens + 1);
  if (offsets[0] !== 0 || offsets[nTokens] !== nEntries || offsets.some((at, i) => i > 0 && at < offsets[i - 1])) {
    throw new Error('The list of activations does not fit its own table of contents; run the picture again.');
  }
  const latents = new Uint32Array(buffer, 4 * (nTokens + 1), nEntries);
  const values = new Float32Array(buffer, 4 * (nTokens + 1 + nEntries), nEntries);
  const entries = new Map();
  latents.forEach((latent, i) => (entries.has(latent) ? entries.get(latent).push(i) : entries.set(latent, [i])));
  return { nTokens, offsets, latents, values, tokens: tokensOfEntries(offsets), entries };
}

/** Read float32[n], one direct effect an activation. */
export function decodeEffect(buffer, nEntries) {
  expectBytes(buffer, 4 * nEntries, 'The list of direct effects');
  return new Float32Array(buffer, 0, nEntries);
}

/** Activation of a latent at every token; 0 where it is off. */
export function heatOf(acts, latent) {
  const heat = new Float32Array(acts.nTokens);
  for (const entry of acts.entries.get(latent) ?? []) heat[acts.tokens[entry]] = acts.values[entry];
  return heat;
}

/** The largest value, 0 where there is none above. */
export function peakOf(values) {
  let peak = 0;
  for (const value of values) if (value > peak) peak = value;
  return peak;
}

/** How many latents are on at a token. */
export function countAt(acts, token) {
  return acts.offsets[token + 1] - acts.offsets[token];
}
