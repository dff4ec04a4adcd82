// Sentences: what is selected, what a rack of turned latents did, what the controls say.

import { formatLogit, formatMargin, formatPercent } from '../shared/format.js';
import { tokenName } from '../shared/geometry.js';
import { chipWords, isTurned, whereWords } from './rack.js';

const plural = (count, one, many) => `${count.toLocaleString('en')} ${count === 1 ? one : many}`;

/** What is selected, or what a brush has marked. */
export function selectionWords({ state, shape }) {
  if (state.pen === 'fires' || state.pen === 'nots') {
    return `Fires here: ${plural(state.fires.length, 'patch', 'patches')}; not there: ${plural(state.nots.length, 'patch', 'patches')}.`;
  }
  if (!state.tokens.length) return 'Nothing selected: the list is of the whole picture.';
  if (state.tokens.length === 1) return `Selected: ${tokenName(shape, state.tokens[0])}.`;
  return `Selected: ${plural(state.tokens.length, 'token', 'tokens')}${state.tokens[0] < shape.nPrefix ? ', CLS among them' : ''}.`;
}

/** How the numbers of the list are made. */
export function poolWords({ tokens, pool, sort }, hasUnits) {
  const over = tokens.length ? `the ${tokens.length} selected tokens` : 'the whole picture';
  const what = tokens.length === 1 ? 'At the selected token' : pool === 'sum' ? `Summed over ${over}` : `The largest over ${over}`;
  const unit = hasUnits ? ', in units of what is typical for each latent (×)' : '';
  return sort === 'effect' ? `${what}${unit}; ordered by the size of the direct effect.` : `${what}${unit}.`;
}

/** "with 2 latents turned": which, in short. */
export function turnedWords(rack) {
  const turned = rack.chips.filter(isTurned);
  if (!turned.length) return rack.keep_error ? 'Nothing is turned yet' : 'Nothing is turned, and the error is left out';
  const named = turned.length < 3 ? turned.map(chipWords).join(' and ') : plural(turned.length, 'latent turned', 'latents turned');
  return `With ${named}, ${whereWords(rack)}`;
}

const sure = ({ emoji, name, probability }) => `${emoji ?? ''} ${name} (${formatPercent(probability)})`.trim();

/** What turning did to the answer and to the watched logit. */
export function steeredWords({ rack, steered, watched }) {
  const [before, after] = ['original', 'steered'].map((column) => steered.columns[column].top[0]);
  const change = steered.watched.steered - steered.watched.original;
  const answer =
    before.index === after.index
      ? `the answer stays ${before.emoji ?? ''} ${before.name} (${formatPercent(before.probability)} → ${formatPercent(after.probability)})`
      : `the answer turns from ${sure(before)} to ${sure(after)}`;
  const logit =
    Math.abs(change) < 0.005
      ? `the logit of ${watched.name} does not move`
      : `the logit of ${watched.name} ${change < 0 ? 'falls' : 'rises'} by ${formatLogit(Math.abs(change))}`;
  if (!rack.chips.some(isTurned) && rack.keep_error)
    return `${turnedWords(rack)}: all three answers should be nearly alike, since the reconstruction is good. Turn a latent.`;
  return `${turnedWords(rack)}: ${answer}; ${logit}.`;
}

/** How much was written, against the length of what it was written into. */
export function normWords(norm) {
  if (!norm) return '';
  const { length, share } = typeof norm === 'object' ? norm : { length: norm };
  if (length === 0) return '';
  const stream = Number.isFinite(share) ? `, ${formatPercent(share)} of the length of what is there` : '';
  return Number.isFinite(length) ? `Written: ${length.toPrecision(3)} long for each changed token on average${stream}.` : '';
}

/** Whether the push was more than what any push of that length does. */
export function controlsWords({ random, opposite, steered }, watched) {
  const change = steered.change;
  const isBeyond = change < random.low || change > random.high;
  const range = `${formatMargin(random.low)} to ${formatMargin(random.high)}`;
  const first = isBeyond
    ? `More than chance: these dials move the logit of ${watched.name} by ${formatMargin(change)}, ${random.n} random pushes of the same length by ${range}.`
    : `Not more than chance: ${random.n} random pushes of the same length move the logit of ${watched.name} by ${range} too (these dials: ${formatMargin(change)}).`;
  if (!opposite || !Number.isFinite(opposite.change)) return first;
  const turnsBack = Math.sign(opposite.change) === -Math.sign(change) && Math.abs(opposite.change) > 0.005;
  return `${first} Turned the other way: ${formatMargin(opposite.change)}${turnsBack ? ', the other direction as it should be' : ', not the other direction'}.`;
}

/** What holds over many pictures. */
export function generalWords({ state, done, total, effect, changed, source }, watched) {
  const pictures = plural(done, 'picture', 'pictures');
  const start =
    state === 'running' ? `So far, on ${pictures}` : state === 'stopped' ? `Stopped after ${pictures} of ${total}` : `On ${source ?? pictures}`;
  const logit = effect ? `: the logit of ${watched.name} moves by ${formatMargin(effect.mean)} on average` : '';
  return `${start}${logit}${changed ? `${logit ? ', and' : ':'} the answer changes for ${formatPercent(changed.rate)} of them` : ''}.`;
}

/** "−3.4 to −2.8", "60 % to 78 %". */
export function rangeWords({ low, high }, format) {
  return Number.isFinite(low) && Number.isFinite(high) ? `${format(low)} to ${format(high)}` : 'no interval yet';
}
