// A model's answer from its logits, as the suite tells one.

/** The `count` highest classes: [{index, name, emoji, logit, probability}]. */
export function topAnswers(logits, { names, emoji }, count = 10) {
  const most = Math.max(...logits);
  const total = logits.reduce((sum, value) => sum + Math.exp(value - most), 0);
  return Array.from(logits, (_, index) => index)
    .sort((a, b) => logits[b] - logits[a])
    .slice(0, count)
    .map((index) => ({ index, name: names[index], emoji: emoji[index], logit: logits[index], probability: Math.exp(logits[index] - most) / total }));
}

/** The probability of one class. */
export function chanceOf(logits, index) {
  const most = Math.max(...logits);
  return Math.exp(logits[index] - most) / logits.reduce((sum, value) => sum + Math.exp(value - most), 0);
}
