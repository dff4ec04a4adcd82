// The bytes of one lens as typed arrays, and the few sums that turn them into what is shown.

function shapeOf(meta) {
  const [rows, cols] = meta.grid;
  const frames = meta.frames ?? 1;
  return { rows, cols, frames, nPrefix: meta.n_prefix, prefixNames: meta.prefix_names, nTokens: meta.n_prefix + frames * rows * cols,
    nLayers: meta.labels.length, k: meta.k };
}

/** Refuse bytes of another length than the contract says. */
export function expectBytes(buffer, expected, what) {
  if (buffer.byteLength === expected) return;
  throw new Error(`${what} has ${buffer.byteLength} bytes where ${expected} were expected; run the picture again.`);
}

/**
 * Read the lens blob: uint16 class[L][T][K], uint16 code[L][T][K], float32 logprob1[L][T], float32 low and step,
 * little-endian.
 *
 * A logit is low + step · code; logprob1 in nats (log-probability of the first class).
 */
export function decodeLens(buffer, meta) {
  const shape = shapeOf(meta);
  const cells = shape.nLayers * shape.nTokens;
  expectBytes(buffer, cells * (4 * shape.k + 4) + 8, 'The lens data');
  const [low, step] = new Float32Array(buffer, cells * (4 * shape.k + 4), 2);
  return {
    ...shape,
    meta,
    labels: meta.labels,
    classes: new Uint16Array(buffer, 0, cells * shape.k),
    logits: Float32Array.from(new Uint16Array(buffer, cells * shape.k * 2, cells * shape.k), (code) => low + step * code),
    logprob1: new Float32Array(buffer, cells * shape.k * 4, cells),
  };
}

/** Read one class's blob: float32 logit[L][T], float32 logprob[L][T], uint16 rank[L][T] (0 is the top class). */
export function decodeClass(buffer, lens) {
  const cells = lens.nLayers * lens.nTokens;
  expectBytes(buffer, cells * 10, 'The data of this class');
  const logprob = new Float32Array(buffer, cells * 4, cells);
  return {
    logit: new Float32Array(buffer, 0, cells),
    probability: logprob.map(Math.exp),
    rank: new Uint16Array(buffer, cells * 8, cells),
  };
}

/** Read the mask blob: uint8[H][W], 0 for nothing, i + 1 for object i. */
export function decodeMask(buffer, meta) {
  const [height, width] = meta.image;
  expectBytes(buffer, height * width, 'The mask');
  return { height, width, ids: new Uint8Array(buffer) };
}

/** Position of a layer and token in arrays of shape [L][T]. */
export function cellIndex(lens, layer, token) {
  return layer * lens.nTokens + token;
}

/** The first class at a layer and token. */
export function topClass(lens, layer, token) {
  return lens.classes[cellIndex(lens, layer, token) * lens.k];
}

/** The first class's logit. */
export function topLogit(lens, layer, token) {
  return lens.logits[cellIndex(lens, layer, token) * lens.k];
}

/** The first class's probability, 0 to 1. */
export function topProbability(lens, layer, token) {
  return Math.exp(lens.logprob1[cellIndex(lens, layer, token)]);
}

/** Whether a token's first class is probable enough to be shown: at least `least`, 0 to 1. */
export function isSure(lens, layer, token, least) {
  return least <= 0 || topProbability(lens, layer, token) >= least;
}

/**
 * The K best classes at a layer and token: {index, logit, probability, margin}.
 *
 * margin, in logits, is the first one's lead over the second; for the others, how far they lie behind the first.
 */
export function topK(lens, layer, token) {
  const cell = cellIndex(lens, layer, token);
  const start = cell * lens.k;
  const first = lens.logits[start];
  return Array.from({ length: lens.k }, (_, i) => {
    const logit = lens.logits[start + i];
    const margin = i === 0 && lens.k > 1 ? first - lens.logits[start + 1] : logit - first;
    return { index: lens.classes[start + i], logit, probability: Math.exp(lens.logprob1[cell] + logit - first), margin };
  });
}

function valueInTopK(lens, layer, token, index, measure) {
  const cell = cellIndex(lens, layer, token);
  const start = cell * lens.k;
  for (let i = 0; i < lens.k; i++) {
    if (lens.classes[start + i] !== index) continue;
    const logit = lens.logits[start + i];
    return measure === 'logit' ? logit : Math.exp(lens.logprob1[cell] + logit - lens.logits[start]);
  }
  return NaN;
}

/** A class's logit or probability at a token, one value a layer; NaN where it is not among the K best. */
export function trajectory(lens, token, index, measure) {
  return Float32Array.from({ length: lens.nLayers }, (_, layer) => valueInTopK(lens, layer, token, index, measure));
}

/** The classes whose path is worth drawing: the last layer's best, then this layer's first, without repeats. */
export function tracedClasses(lens, layer, token, nFinal = 4) {
  const last = topK(lens, lens.nLayers - 1, token).slice(0, nFinal).map((entry) => entry.index);
  return [...new Set([...last, topClass(lens, layer, token)])];
}

/** How many patches have each class first at a layer, with at least that probability: [{index, count}], most first. */
export function classCounts(lens, layer, least = 0) {
  const counts = new Map();
  for (let token = lens.nPrefix; token < lens.nTokens; token++) {
    if (!isSure(lens, layer, token, least)) continue;
    const index = topClass(lens, layer, token);
    counts.set(index, (counts.get(index) ?? 0) + 1);
  }
  return [...counts].map(([index, count]) => ({ index, count })).sort((a, b) => b.count - a.count || a.index - b.index);
}

/** A layer's label in plain words: "3_mid" is "after the attention of block 3". */
export function layerWords(label, labels = []) {
  const match = /^(\d+)_(pre|mid|post)$/.exec(label);
  if (!match) return label === 'final' ? 'after the last block' : label;
  const [, block, where] = match;
  if (where === 'pre' && label === labels[0]) return 'before the first block: the patch alone';
  return { pre: `before block ${block}`, mid: `after the attention of block ${block}`, post: `after block ${block}` }[where];
}
