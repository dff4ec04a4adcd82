// What is seen, in plain sentences: the question, what one cell does, what all that is put in does, and whether it is general.

import { formatLogit, formatMargin, formatPercent } from '../shared/format.js';
import { chipsWords, chipWords, listWords, ownerWords, placeShort } from './places.js';
import { hasFlipped, shownCell } from './sweepdata.js';

const NEAR_NOTHING = 0.02;
const NO_BREAK = '\u00a0';

/** A class with its emoji: "🐱 cat face". */
export function answerWords(named) {
  return [named?.emoji, named?.name].filter(Boolean).join(NO_BREAK);
}

/** A share of the way in per cent with its sign: "+75 %", "−3 %", "0 %". */
export function formatWay(share) {
  if (!Number.isFinite(share)) return '–';
  const percent = Math.round(100 * share);
  return `${percent > 0 ? '+' : percent < 0 ? '−' : ''}${Math.abs(percent)}${NO_BREAK}%`;
}

function plainPercent(share) {
  const percent = 100 * share;
  const digits = Math.abs(percent) < 9.95 && Math.abs(percent) >= 0.05 ? 1 : 0;
  return `${percent.toFixed(digits).replace(/\.0$/, '').replace(/^-0$/, '0').replace('-', '−')}${NO_BREAK}%`;
}

/** An interval in per cent: "9 % to 53 %". */
export function intervalWords({ low, high }) {
  return `${plainPercent(low)} to ${plainPercent(high)}`;
}

function leaders(run) {
  const first = (side) => run[side].top?.[0] ?? null;
  return { clean: first('clean'), corrupt: first('corrupt') };
}

// "a" leads where the metric is positive.
function ahead(run, metric) {
  return metric > 0 ? [run.a, run.b] : [run.b, run.a];
}

/** The question that two answers pose, before anything was put in. */
export function questionWords(run) {
  const { clean, corrupt } = leaders(run);
  if (run.same) return 'Both pictures are the same, so there is no difference to look for. Hide part of the first one, or take another picture.';
  if (!clean || !corrupt) return 'Which parts of the model make the difference between these two pictures?';
  if (clean.index === corrupt.index) {
    return `The model answers ${answerWords(clean)} for both pictures, but not for the same reasons. `
      + `Which of its parts weigh ${answerWords(run.a)} against ${answerWords(run.b)}?`;
  }
  return `The model answers ${answerWords(clean)} for the clean picture and ${answerWords(corrupt)} for the corrupt one. Which of its parts make the difference?`;
}

// A cell knows the difference of two logits alone: a third class may be the answer.
function flipWords(run, metric) {
  const [winner, loser] = ahead(run, metric);
  return `puts ${answerWords(winner)} ahead of ${answerWords(loser)}`;
}

function moveWords(run, direction, value, metric) {
  const { clean, corrupt } = run.metric;
  if (hasFlipped(direction, metric, clean, corrupt)) return flipWords(run, metric);
  if (!Number.isFinite(value)) return 'cannot be told: both pictures have the same difference';
  if (Math.abs(value) < NEAR_NOTHING) return 'changes next to nothing';
  const [goal] = ahead(run, direction === 'noise' ? corrupt - clean : clean - corrupt);
  const way = `${formatWay(Math.abs(value)).replace('+', '')} of the way`;
  return value > 0 ? `moves the answer ${way} towards ${answerWords(goal)}` : `moves the answer away from ${answerWords(goal)}, by ${way}`;
}

/** The sentence of one cell: what putting that part in does, in the direction of the panel that it was pointed at in. */
export function cellWords({ run, data, shape, direction, cell, chip }) {
  const { value, raw, isEstimate } = shownCell(data, direction, cell[0] * data.cols + cell[1]);
  const isNoise = direction === 'noise';
  const subject = `Putting ${chipWords(shape, chip)} for the ${isNoise ? 'corrupt' : 'clean'} picture into the ${isNoise ? 'clean' : 'other'} one`;
  if (!Number.isFinite(raw)) return `${subject}: not computed yet.`;
  return `${subject} ${moveWords(run, isNoise ? 'noise' : 'denoise', value, raw)}${isEstimate ? ', by the estimate' : ''}.`;
}

/** The sentence of everything that is put in; `applied` is what the server answered. */
export function appliedWords({ run, shape, applied }) {
  const subject = `Putting ${chipsWords(shape, applied.chips)} for the clean picture into the other one`;
  const before = run.corrupt.top?.[0];
  const after = applied.top?.[0];
  if (before && after && before.index !== after.index) {
    return `${subject} turns ${answerWords(before)} into ${answerWords(after)}.`;
  }
  const share = (applied.metric - run.metric.corrupt) / (run.metric.clean - run.metric.corrupt);
  const moves = moveWords(run, 'denoise', share, applied.metric);
  return `${subject} ${moves}${after ? `; the answer is still ${answerWords(after)} (${formatPercent(after.probability).replace(' ', NO_BREAK)})` : ''}.`;
}

function asSentence(text) {
  return `${text.charAt(0).toUpperCase()}${text.slice(1)}${/[.!?]$/.test(text) ? '' : '.'}`;
}

/** The sentence of a search that ended. */
export function flipSentence({ run, flip }) {
  if (flip.state === 'none') return asSentence(flip.text || 'there is nothing to flip: both pictures get the same answer');
  const isFlipped = flip.margin > 0;
  const [from, to] = [run.corrupt.top?.[0], flip.top?.[0]];
  const turns = from && to && from.index !== to.index ? `turn ${answerWords(from)} into ${answerWords(to)}`
    : `put ${answerWords(ahead(run, run.metric.clean)[0])} ahead of ${answerWords(ahead(run, run.metric.clean)[1])}`;
  if (!isFlipped) return `No set was found that flips the answer. The best one found has ${flip.size} members and still misses by ${formatLogit(Math.abs(flip.margin))}.`;
  const one = flip.size === 1;
  const numbers = `${flip.n_numbers.toLocaleString('en')} number${flip.n_numbers === 1 ? '' : 's'}`;
  return `${one ? 'One is enough' : `${flip.size} together are enough`}: ${numbers} from the clean picture ${turns}.`;
}

/** How sure it is that no smaller set does, and what the search cost. */
export function proofSentence(flip) {
  const cost = Number.isFinite(flip.n_passes) ? ` The search cost as much as ${Math.round(flip.n_passes)} runs of the model.` : '';
  if (flip.state === 'stopped') return `Stopped early, so a smaller set may exist.${cost}`;
  if (!(flip.margin > 0)) return `Sets were built step by step, each time with the part that helps most.${cost}`;
  const many = flip.n_flipping > 1 ? ` ${flip.n_flipping} sets of this size flip it; this one does so by the most.` : '';
  if (flip.size === 1) return `Every single one was tried.${flip.n_flipping === 1 ? ' It is the only one that does it alone.' : many}${cost}`;
  if (flip.method === 'exact') return `Exact: every set up to this size was tried, and none smaller flips it.${many}${cost}`;
  if (flip.is_smallest) return `Every smaller set was tried and none flips it; this one was found step by step (greedy), so another of its size may do better.${cost}`;
  return `Found step by step (greedy): a smaller set may exist.${cost}`;
}

/** How much of the gap to the flip one member closes alone: 1 is a tie. */
export function closesAlone(flip, alone) {
  return Number.isFinite(alone) && flip.margin_before < 0 ? (alone - flip.margin_before) / -flip.margin_before : NaN;
}

/** What the members of a set are called together: "L3 H1, L4 H0 and L4 H2". */
export function membersWords(members) {
  return listWords(members.map((member) => (typeof member === 'string' ? member.replace(/(\d)H/, '$1 H') : placeShort(member))), 4);
}

/** The verdict on generality. */
export function generalSentence({ general, run }) {
  const { flip, control, done, source, state, text } = general;
  if (text) return asSentence(text);
  if (!flip || !done) return `Running the same change on ${source ?? 'other pictures'}…`;
  const n = Math.round(flip.rate * done);
  const who = general.members?.length ? `${membersWords(general.members)} ${general.members.length > 1 ? 'flip' : 'flips'}` : 'The same change flips';
  const head = `${who} the answer for ${n} of ${done} pictures (${plainPercent(flip.rate)}; 95${NO_BREAK}% interval ${intervalWords(flip)}).`;
  if (state === 'running' || !control?.flip) return head;
  const chance = `For heads drawn at random it is ${plainPercent(control.flip.rate)}.`;
  if (flip.rate <= control.flip.rate) return `${head} ${chance} That is no more than chance.`;
  if (flip.low <= control.flip.high) return `${head} ${chance} The intervals overlap: so few pictures do not tell whether that is more than chance.`;
  const verdict = flip.low > 0.5 ? 'More often than not, it holds.' : `More than chance, but on most pictures it does not turn ${answerWords(run.b)} into ${answerWords(run.a)}.`;
  return `${head} ${chance} ${verdict}`;
}

/** The number of a cell for people and for logs: "75 % of the way · −2.63". */
export function cellNumbers(data, direction, index, name) {
  const { value, raw, isEstimate } = shownCell(data, direction, index);
  if (!Number.isFinite(raw)) return `${name}: ${data.sweep.note ? 'not run' : 'not yet'}`;
  return `${name}: ${formatWay(value)} of the way (${formatMargin(raw)})${isEstimate ? ', estimated' : ''}`;
}

/** A head or layer at the start of a sentence. */
export function readerWords(reads) {
  return ownerWords(reads).replace(/^./, (letter) => letter.toUpperCase());
}
