// Findings over a training as lines to draw and sentences to read: the lens, and each type of head.

const two = (value) => (Number.isFinite(value) ? value.toFixed(2).replace(/^-0\.00$/, '0.00').replace('-', '−') : '–');

/** The strongest head of a type at each step: {value, layer, head, isNamed}, or null where none has a value. */
export function bestHeads(type) {
  return type.strength.map((layers, at) => {
    const all = layers.flatMap((row, layer) => row.map((value, head) => ({ value, layer, head })));
    const known = all.filter(({ value }) => value !== null);
    if (!known.length) return null;
    const best = known.reduce((a, b) => (b.value > a.value ? b : a));
    return { ...best, isNamed: type.named[at].some(([layer, head]) => layer === best.layer && head === best.head) };
  });
}

function lensFinding({ steps, lens, sizes }) {
  const lines = lens.labels.map((_, point) => lens.iou.map((row) => row[point]));
  const best = lens.best.map((point, at) => lens.iou[at][point]);
  const sentence = (at) => `Step ${steps[at]}: IoU ${two(best[at])} at ${lens.labels[lens.best[at]]}, where the lens is best. `
    + `One class everywhere would have ${two(lens.baseline)}.`;
  const about = `How well the patches’ own answers cover the shape and nothing else (intersection over union, 1 is exact), on `
    + `${sizes.lens} held-out pictures. Thin: each point between layers; thick: the best; dashed: one class everywhere.`;
  return { id: 'lens', title: 'Lens: does it find the shape?', lines, best, dots: best.map(() => false), baseline: lens.baseline, range: [0, 1], sentence, about };
}

function typeFinding({ steps, layers, n_heads: heads, sizes }, type) {
  const found = bestHeads(type);
  const pairs = Array.from({ length: layers * heads }, (_, i) => [Math.floor(i / heads), i % heads]);
  const lines = pairs.map(([layer, head]) => type.strength.map((at) => at[layer][head] ?? NaN));
  const best = found.map((one) => one?.value ?? NaN);
  const sentence = (at) => {
    const one = found[at];
    if (!one) return `Step ${steps[at]}: no head can be measured.`;
    return `Step ${steps[at]}: head ${one.head} of layer ${one.layer} has most, ${two(one.value)}: ${one.isNamed ? 'enough' : 'not enough'} for the name.`;
  };
  const about = `${type.meaning} Strength: 1 is all of a head’s attention, 0 is chance; on ${sizes.heads} held-out pictures. `
    + 'Thin: every head; thick: the strongest; a dot: it passes the test for the name.';
  const top = Math.max(0.2, ...best.filter(Number.isFinite)) * 1.08;
  const low = Math.min(0, ...lines.flat().filter(Number.isFinite)) * 1.08;
  return { id: type.id, title: type.title, lines, best, dots: found.map((one) => Boolean(one?.isNamed)), baseline: 0, range: [low, top], sentence, about };
}

/** All findings: the lens where it was measured, and the head types; what changed most comes first. */
export function findingsOf(curves) {
  if (!curves) return [];
  const found = curves.types.map((type) => typeFinding(curves, type));
  if (curves.lens) found.push(lensFinding(curves));
  const change = ({ best }) => {
    const known = best.filter(Number.isFinite);
    return known.length ? Math.max(...known) - Math.min(...known) : -1;
  };
  return found.sort((a, b) => change(b) - change(a));
}
