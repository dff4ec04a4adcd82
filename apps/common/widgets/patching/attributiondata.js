// Direct logit attribution as bars: one a sublayer, and the heads that weigh most.

const CLOSES_TO = 1e-3;

const EMBEDDINGS = { embed: 'patch embedding', pos_embed: 'position embedding', ln_pre: 'embedding' };
const SUBLAYER = /^(\d+)_(attn|mlp)_out$/;

/** What a sublayer is called: long ("attention of layer 3") and short ("3a", "3m"). */
export function sublayerWords(sublayer) {
  const match = SUBLAYER.exec(sublayer);
  if (!match) return { long: EMBEDDINGS[sublayer] ?? sublayer, short: sublayer.split(/[ _]/)[0] };
  const isAttention = match[2] === 'attn';
  return { long: `${isAttention ? 'attention' : 'MLP'} of layer ${match[1]}`, short: `${match[1]}${isAttention ? 'a' : 'm'}` };
}

/** Components summed by what they are part of, in the model's order: [{sublayer, clean, corrupt}]. */
export function attributionBars({ clean, corrupt }) {
  const sums = new Map();
  const add = (side, { sublayer, value }) => {
    if (!sums.has(sublayer)) sums.set(sublayer, { sublayer, clean: 0, corrupt: 0 });
    sums.get(sublayer)[side] += value;
  };
  clean.components.forEach((component) => add('clean', component));
  corrupt?.components.forEach((component) => add('corrupt', component));
  return [...sums.values()];
}

/** The heads whose contribution differs most between the two runs, [{layer, head, clean, corrupt}]. */
export function mostDifferentHeads({ clean, corrupt }, count) {
  const heads = clean.heads.flatMap((row, layer) => row.map((value, head) => ({ layer, head, clean: value, corrupt: corrupt?.heads[layer][head] ?? NaN })));
  const weight = (entry) => Math.abs(entry.clean - (entry.corrupt || 0));
  return heads.sort((a, b) => weight(b) - weight(a)).slice(0, count);
}

/** Largest magnitude of a list of bars or heads; never 0. */
export function barRange(bars) {
  return Math.max(1e-6, ...bars.flatMap(({ clean, corrupt }) => [Math.abs(clean), Math.abs(corrupt) || 0]));
}

/** A small number in powers of ten: "5e−7"; "0" for none. */
export function formatTiny(value) {
  const size = Math.abs(value);
  if (!Number.isFinite(value)) return '–';
  return size === 0 ? '0' : size.toExponential(0).replace('e-', 'e−').replace('e+', 'e');
}

/** Whether the bars add up to the metric, but for rounding. */
export function hasClosed({ metric, error }) {
  return Math.abs(error) <= CLOSES_TO * Math.max(1, Math.abs(metric));
}

/** The badge: "sums to +2.25, error 5e−7". */
export function closureWords(side, formatted) {
  return hasClosed(side) ? `sums to the logit difference ${formatted}, error ${formatTiny(side.error)}`
    : `does not add up: ${formatTiny(side.error)} of the logit difference ${formatted} is missing`;
}
