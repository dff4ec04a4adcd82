// What is known of every latent of an SAE, column by column, and activations in units of what is typical for it.

const NUMBERS = ['frequency', 'typical', 'largest', 'f1', 'precision', 'recall', 'auroc', 'nearest'];
const GOOD_F1 = 0.5; // from here on a label says something
const SOME_F1 = 0.1; // below this it says next to nothing

/** Refuse columns that are not lists of one length; absent ones stay absent. */
export function checkColumns(columns, dSae) {
  const lists = [...NUMBERS, 'label', 'emoji'].filter((name) => columns?.[name]);
  if (!columns || lists.some((name) => !Array.isArray(columns[name]) || columns[name].length !== dSae)) {
    throw new Error('What is known of the latents is not what was expected; reload the page.');
  }
  return columns;
}

/** Typical activation of a latent, NaN where unknown. */
export function typicalOf(columns, latent) {
  const typical = columns?.typical?.[latent];
  return typical > 0 ? typical : NaN;
}

/** Facts of one latent: {label, emoji, f1, …}; null where unknown. */
export function factsOf(columns, latent) {
  return Object.fromEntries([...NUMBERS, 'label', 'emoji'].map((name) => [name, columns?.[name]?.[latent] ?? null]));
}

/** What a latent is called: always its number. */
export function latentName(latent) {
  return `latent ${latent}`;
}

/** Whether a label of this F1 is a hint rather than a name. */
export function isHint(f1) {
  return Number.isFinite(f1) && f1 < GOOD_F1;
}

/** The word before a label that says how far to trust it: none, "perhaps " or "hardly ". */
export function doubt(f1) {
  return !isHint(f1) ? '' : f1 < SOME_F1 ? 'hardly ' : 'perhaps ';
}

/** Its label with the score that says how far to trust it, or honestly none. */
export function labelWords({ label, f1 }) {
  if (!label) return 'no label';
  return Number.isFinite(f1) ? `${doubt(f1)}${label}, F1 ${f1.toFixed(2)}` : label;
}

/** An activation in words: in units of the latent's typical one, or as it is where that is unknown. */
export function unitWords(columns, latent, act) {
  const typical = typicalOf(columns, latent);
  return Number.isFinite(typical) ? `${timesText(act / typical)} typical` : `activation ${act.toPrecision(3)}`;
}

/** "2.1×", "0.04×". */
export function timesText(ratio) {
  if (!Number.isFinite(ratio)) return '–';
  const size = Math.abs(ratio);
  return `${ratio.toFixed(size >= 99.5 ? 0 : size >= 0.095 || size === 0 ? 1 : 2).replace('-', '−')}×`;
}
