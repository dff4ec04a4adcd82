// Lists of latents computed in the browser: those on at the chosen patches, those that tell two sets of patches apart, those with a label.

import { typicalOf } from './columns.js';

function everyToken(acts) {
  return Array.from({ length: acts.nTokens }, (_, token) => token);
}

function gathered(acts, tokens) {
  const found = new Map();
  for (const token of tokens) {
    for (let i = acts.offsets[token]; i < acts.offsets[token + 1]; i++) {
      const latent = acts.latents[i];
      const row = found.get(latent) ?? { latent, count: 0, sum: 0, max: 0, effect: 0, entries: [] };
      row.count += 1;
      row.sum += acts.values[i];
      row.max = Math.max(row.max, acts.values[i]);
      row.entries.push(i);
      found.set(latent, row);
    }
  }
  return [...found.values()];
}

function pooledEffect(effect, entries, pool) {
  if (pool === 'sum') return entries.reduce((total, i) => total + effect[i], 0);
  return entries.reduce((most, i) => (Math.abs(effect[i]) > Math.abs(most) ? effect[i] : most), 0);
}

/**
 * Latents that are on at the tokens (no tokens: anywhere), best first: {latent, act, ratio, effect, count}.
 *
 * `act` is the largest activation or, with pool "sum", their sum; `ratio` the same in units of the typical one. `effect` is the direct effect of
 * the largest size there, or their sum, NaN where unknown; sort "effect" goes by its size, and where effects are unknown by activation.
 */
export function activeLatents(acts, tokens, { columns = null, effect = null, pool = 'max', sort = 'activation' } = {}) {
  const rows = gathered(acts, tokens.length ? tokens : everyToken(acts)).map(({ latent, count, sum, max, entries }) => {
    const act = pool === 'sum' ? sum : max;
    const typical = typicalOf(columns, latent);
    return { latent, act, ratio: act / typical, effect: effect ? pooledEffect(effect, entries, pool) : NaN, count };
  });
  const byUnits = rows.every(({ ratio }) => Number.isFinite(ratio));
  const weight = sort === 'effect' && effect ? ({ effect: value }) => Math.abs(value) : ({ act, ratio }) => (byUnits ? ratio : act);
  return rows.sort((a, b) => weight(b) - weight(a) || a.latent - b.latent);
}

/**
 * Latents that are on at `fires` rather than at `nots`, best first: {latent, score, here, there}.
 *
 * `here` and `there` are mean activations over the two sets in units of the typical one (as they are where that is unknown); the score is
 * their difference, and only positive ones are listed.
 */
export function exampleScores(acts, fires, nots, columns = null) {
  if (!fires.length) return [];
  const means = (tokens) => new Map(gathered(acts, tokens).map(({ latent, sum }) => [latent, sum / tokens.length]));
  const [here, there] = [means(fires), nots.length ? means(nots) : new Map()];
  const rows = [...here].map(([latent, mean]) => {
    const unit = columns?.typical ? typicalOf(columns, latent) : 1;
    const other = (there.get(latent) ?? 0) / unit;
    return { latent, here: mean / unit, there: other, score: mean / unit - other };
  });
  return rows.filter(({ score }) => score > 0).sort((a, b) => b.score - a.score || a.latent - b.latent);
}

// How well a label answers what was typed: 2 is it, 1 holds it as words of its own, 0 as a part of one.
function nearness(label, wanted) {
  if (label === wanted) return 2;
  return ` ${label.replace(/[^\p{L}\p{N}]+/gu, ' ')} `.includes(` ${wanted} `) ? 1 : 0;
}

/** Latents whose label holds what was typed, the nearest first, then the best F1, or the latent of that number: {latent, f1}. */
export function labelled(columns, text, dSae) {
  const wanted = text.trim().toLowerCase();
  if (!wanted) return [];
  const number = /^(?:latent\s*)?(\d+)$/.exec(wanted);
  if (number) return Number(number[1]) < dSae ? [{ latent: Number(number[1]), f1: columns?.f1?.[Number(number[1])] ?? null }] : [];
  const found = [];
  columns?.label?.forEach((label, latent) => {
    if (label && (label.toLowerCase().includes(wanted) || columns.emoji?.[latent] === text.trim()))
      found.push({ latent, f1: columns.f1?.[latent] ?? null, near: nearness(label.toLowerCase(), wanted) });
  });
  found.sort((a, b) => b.near - a.near || (b.f1 ?? -1) - (a.f1 ?? -1) || a.latent - b.latent);
  return found.map(({ latent, f1 }) => ({ latent, f1 }));
}
