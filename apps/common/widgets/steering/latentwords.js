// One latent in words: where it can be found again, how rare it is, how far its label holds.

import { formatPercent } from '../shared/format.js';
import { timesText } from './columns.js';

/** The address of a latent: that of the value, else this page's with the SAE and the latent. */
export function latentAddress(value, run, latent, href) {
  if (value?.index === latent && value.address) return new URL(value.address.replace(/^\??/, '?'), href).href;
  const address = new URL(href);
  address.search = '';
  address.hash = '';
  address.searchParams.set('sae', run.sae.id);
  address.searchParams.set('latent', String(latent));
  return address.href;
}

/** How rare it is, as a sentence. */
export function densityWords(facts, told, from) {
  const tokens = told?.density?.tokens ?? facts.frequency;
  const images = told?.density?.images;
  const [typical, largest] = [told?.typical ?? facts.typical, told?.largest ?? facts.largest];
  const parts = [];
  if (Number.isFinite(tokens)) parts.push(`on at ${formatPercent(tokens)} of all tokens`);
  if (Number.isFinite(images)) parts.push(`in ${formatPercent(images)} of pictures`);
  if (Number.isFinite(largest) && typical > 0)
    parts.push(`at most ${timesText(largest / typical)} its typical activation (${typical.toPrecision(3)})`);
  if (!parts.length) return 'Nothing is known of how often it is on.';
  const sentence = parts.join(', ');
  return `${sentence[0].toUpperCase()}${sentence.slice(1)}${from ? `; from ${from}` : ''}.`;
}

/** The scores of a label beside F1, and what they were measured on. */
export function scoreWords(facts, from) {
  if (!facts.label) return 'No class fits where it is on.';
  const scores = [
    ['precision', facts.precision],
    ['recall', facts.recall],
    ['AUROC', facts.auroc],
  ];
  const known = scores.filter(([, value]) => Number.isFinite(value)).map(([name, value]) => `${name} ${value.toFixed(2)}`);
  return [...known, ...(from ? [`from ${from}`] : [])].join(' · ');
}
