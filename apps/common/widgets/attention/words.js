// What is seen, as one sentence: which head, which patch, and what it mostly reads.

import { patchPlace, tokenName } from '../shared/geometry.js';
import { formatAmount } from './amounts.js';
import { unitWords } from './run.js';

const STEPS = { '-1,0': 'upper', '1,0': 'lower', '0,-1': 'left', '0,1': 'right', '-1,-1': 'upper left', '-1,1': 'upper right',
  '1,-1': 'lower left', '1,1': 'lower right' };

/** A token as seen from another: "itself", "its left neighbour", "the same place in frame 2", else its name. */
export function relationWords(shape, from, to) {
  if (from === to) return 'itself';
  if (from < shape.nPrefix || to < shape.nPrefix) return tokenName(shape, to);
  const [a, b] = [patchPlace(shape, from - shape.nPrefix), patchPlace(shape, to - shape.nPrefix)];
  const step = STEPS[[b.row - a.row, b.col - a.col]];
  if (a.frame !== b.frame) return a.row === b.row && a.col === b.col ? `the same place in frame ${b.frame + 1}` : tokenName(shape, to);
  return step ? `its ${step} neighbour` : tokenName(shape, to);
}

/** A token as the subject of a sentence: "CLS", "the patch in row 2, column 5". */
export function subjectWords(shape, token) {
  return `${token < shape.nPrefix ? '' : 'the patch in '}${tokenName(shape, token)}`;
}

const READING = { pattern: 'reads mostly', scores: 'scores highest on', rank: 'differs most at', value: 'takes most from' };
const BEING_READ = { pattern: 'is read most by', scores: 'is scored highest by', rank: 'differs most for', value: 'gives most to' };
const PURE = (kind) => kind.replace('log_', '');

function listed(shape, kind, token, best) {
  return best.map(({ token: other, value, step }) => `${relationWords(shape, token, other)} (${formatAmount(kind, value, step)})`).join(', ');
}

function capital(text) {
  return text.charAt(0).toUpperCase() + text.slice(1);
}

/** The sentence of a selected token; `reads` and `readBy` are lists of {token, value, step}, null where they are not shown. */
export function tokenSentence({ shape, head, kind, token, reads, readBy }) {
  const parts = [];
  if (reads?.length) parts.push(`${READING[PURE(kind)]} ${listed(shape, kind, token, reads)}`);
  if (readBy?.length) parts.push(`${BEING_READ[PURE(kind)]} ${listed(shape, kind, token, readBy)}`);
  if (!parts.length) return `${capital(unitWords(head))}: ${subjectWords(shape, token)} reads nothing that the mask leaves.`;
  return `${capital(unitWords(head))}: ${subjectWords(shape, token)} ${parts.join(', and ')}.`;
}

/** The sentence of one cell of the matrix. */
export function cellSentence({ shape, head, kind, query, key, value, step }) {
  const [who, whom] = [subjectWords(shape, query), relationWords(shape, query, key)];
  const start = `${capital(unitWords(head))}: ${who}`;
  if (Number.isNaN(value)) return `${start} may not read ${whom}: the causal mask hides it.`;
  const amount = formatAmount(kind, value, step);
  switch (PURE(kind)) {
    case 'pattern': return `${start} gives ${amount} of its attention to ${whom}.`;
    case 'scores': return `${start} scores ${whom} at ${amount} before the softmax.`;
    case 'value': return `${start} takes a length of ${amount} from ${whom}.`;
    default: return `${start} and ${whom}: ${rankWords(value, amount)}.`;
  }
}

function rankWords(value, amount) {
  if (Math.abs(value) < 0.05) return 'the same place among all cells by score and by pattern';
  return `${amount.replace(/^[+−]/, '')} percentage points ${value > 0 ? 'higher' : 'lower'} among all cells by score than by pattern`;
}

const ALONE = {
  pattern: 'how each patch shares out its attention', scores: 'how well each pair of patches matches, before the softmax',
  rank: 'where the order of scores and the order of patterns differ', value: 'how much is really moved from patch to patch',
};

function withArticle(noun) {
  return `${/^[AEIOU]/.test(noun) ? 'an' : 'a'} ${noun}`;
}

/** The sentence while no token is selected. */
export function headSentence({ head, kind, types }) {
  const named = types?.length ? `, ${types.map(withArticle).join(' and ')},` : '';
  const subject = head.unit === 'rollout' ? 'attention multiplied through all layers so far' : ALONE[PURE(kind)];
  return `${capital(unitWords(head))}${named} shows ${subject}. Choose a patch (point, tap or arrow keys) to see what it reads and who reads it.`;
}
