// All matrices of a run, made from its queries, keys and the lengths of its values, layer by layer.

import { packMaps, packToken } from './packing.js';

const LOG_FLOOR = 1e-6;
const TINY = 2 ** -126; // the smallest normal float32
const LOGS = { log_pattern: 'pattern', log_value: 'value' };

function scoresOf({ q, k, nTokens, dHead }, head) {
  const scores = new Float32Array(nTokens * nTokens);
  const start = head * nTokens * dHead;
  for (let query = 0; query < nTokens; query++) {
    const a = start + query * dHead;
    for (let key = 0; key < nTokens; key++) {
      const b = start + key * dHead;
      let sum = 0;
      for (let i = 0; i < dHead; i++) sum += q[a + i] * k[b + i];
      scores[query * nTokens + key] = sum;
    }
  }
  return scores;
}

/** Each row's scores less the logarithm of the sum of their exponentials: the logarithm of the pattern. */
function logPattern(scores, nTokens) {
  const out = new Float32Array(scores.length);
  for (let start = 0; start < scores.length; start += nTokens) {
    const row = scores.subarray(start, start + nTokens);
    let most = -Infinity;
    for (const value of row) most = Math.max(most, value);
    let total = 0;
    for (const value of row) total += Math.exp(value - most);
    const whole = most + Math.log(total);
    for (let i = 0; i < nTokens; i++) out[start + i] = row[i] - whole;
  }
  return out;
}

/** Share of all cells that lie below each, ties in the middle, in percent. */
function percentiles(values) {
  const sorted = Float32Array.from(values).sort();
  const places = new Map();
  for (let first = 0; first < sorted.length; ) {
    let end = first;
    while (end < sorted.length && sorted[end] === sorted[first]) end += 1;
    places.set(sorted[first], ((first + end - 1) / 2) * (100 / sorted.length));
    first = end;
  }
  return Float32Array.from(values, (value) => places.get(value));
}

const average = (units) => units[0].map((_, i) => units.reduce((sum, unit) => sum + unit[i], 0) / units.length);

function logarithm(unit, kind) {
  let peak = 0;
  for (const value of unit) peak = Math.max(peak, value);
  const floor = kind === 'log_pattern' ? LOG_FLOOR : Math.max(LOG_FLOOR * peak, TINY);
  return unit.map((value) => Math.log10(Math.max(value, floor)));
}

/** Half the identity and half each layer's mean pattern, multiplied up. */
function rolled(patterns, nTokens) {
  let out = null;
  for (const pattern of patterns) {
    const half = pattern.map((value, i) => (value + (i % (nTokens + 1) ? 0 : 1)) / 2);
    if (!out) {
      out = half;
      continue;
    }
    const next = new Float32Array(out.length);
    for (let i = 0; i < nTokens; i++) {
      for (let j = 0; j < nTokens; j++) {
        const share = half[i * nTokens + j];
        for (let k = 0; k < nTokens; k++) next[i * nTokens + k] += share * out[j * nTokens + k];
      }
    }
    out = next;
  }
  return out;
}

/** Answers for the files of one run; `load(layer)` brings q[head][token][d], k alike and value_norm[head][token], float32. */
export function createHeads({ nTokens, nLayers, nHeads, load }) {
  const layers = new Map();
  const units = new Map();

  async function layerAt(layer) {
    if (!layers.has(layer)) layers.set(layer, load(layer).then((buffer) => {
      const whole = new Float32Array(buffer);
      const part = (whole.length - nHeads * nTokens) / 2;
      return { q: whole.subarray(0, part), k: whole.subarray(part, 2 * part), norm: whole.subarray(2 * part), nTokens, dHead: part / (nHeads * nTokens) };
    }));
    return layers.get(layer);
  }
  async function make(kind, layer) {
    if (kind in LOGS) return (await heads(LOGS[kind], layer)).map((unit) => logarithm(unit, kind));
    if (kind === 'scores') {
      const of = await layerAt(layer);
      return Array.from({ length: nHeads }, (_, head) => scoresOf(of, head));
    }
    if (kind === 'pattern') return (await heads('scores', layer)).map((scores) => logPattern(scores, nTokens).map(Math.exp));
    if (kind === 'value') {
      const { norm } = await layerAt(layer);
      return (await heads('pattern', layer)).map((pattern, head) => pattern.map((share, i) => share * norm[head * nTokens + (i % nTokens)]));
    }
    if (kind !== 'rank') throw new Error(`There is no kind ${kind}.`);
    return (await heads('scores', layer)).map((scores) => {
      const below = percentiles(logPattern(scores, nTokens));
      return percentiles(scores).map((value, i) => value - below[i]);
    });
  }
  function heads(kind, layer) {
    const key = `${kind}/${layer}`;
    if (!units.has(key)) units.set(key, make(kind, layer));
    return units.get(key);
  }
  async function rollout(layer) {
    const patterns = await Promise.all(Array.from({ length: layer + 1 }, (_, i) => heads('pattern', i)));
    return rolled(patterns.map(average), nTokens);
  }
  async function one(kind, layer, unit) {
    const base = LOGS[kind] ?? kind;
    const whole = unit === 'rollout' ? await rollout(layer) : average(await heads(base, layer));
    return kind in LOGS ? logarithm(whole, kind) : whole;
  }
  const row = (unit, token) => unit.subarray(token * nTokens, (token + 1) * nTokens);
  const column = (unit, token) => Float32Array.from({ length: nTokens }, (_, query) => unit[query * nTokens + token]);

  async function exact(layer, unit, token) {
    const nothing = new Float32Array(nTokens).fill(NaN);
    let lines = [nothing, nothing];
    if (unit === 'rollout') {
      const whole = await rollout(layer);
      lines = [...lines, row(whole, token), column(whole, token), nothing, nothing];
    } else {
      const kinds = await Promise.all(['scores', 'pattern', 'value'].map((kind) => heads(kind, layer)));
      const wholes = kinds.map((each) => (unit === 'mean' ? average(each) : each[Number(unit)]));
      lines = wholes.flatMap((whole) => [row(whole, token), column(whole, token)]);
    }
    const out = new Float32Array(lines.length * nTokens);
    lines.forEach((line, i) => out.set(line, i * nTokens));
    return out.buffer;
  }
  return {
    /** The bytes of "maps/KIND/LAYER/UNIT", "token/KIND/TOKEN" or "exact/LAYER/UNIT/TOKEN". */
    async file(name) {
      const [what, ...rest] = name.split('/');
      if (what === 'exact') return exact(Number(rest[0]), rest[1], Number(rest[2]));
      const kind = rest[0];
      if (what === 'token') {
        const every = (await Promise.all(Array.from({ length: nLayers }, (_, layer) => heads(kind, layer)))).flat();
        const token = Number(rest[1]);
        return packToken(every.map((unit) => row(unit, token)), every.map((unit) => column(unit, token)), nTokens);
      }
      const [layer, unit] = [Number(rest[1]), rest[2]];
      return packMaps(/^\d+$/.test(unit) ? await heads(kind, layer) : [await one(kind, layer, unit)], nTokens);
    },
  };
}
