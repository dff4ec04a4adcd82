// Pictures on which a latent is on, from its strongest tenth to its weakest, each with where it is on.

import { make } from '../shared/dom.js';
import { peakOf } from './acts.js';
import { timesText } from './columns.js';
import { heatAlphas, heatCanvas } from './heat.js';

const OVER = heatAlphas(0.8);

function decileWords(decile) {
  if (decile === 10) return 'top 10 %';
  return decile === 1 ? 'last 10 %' : `${10 * (10 - decile)}–${10 * (11 - decile)} %`;
}

function exemplar({ shape, state }, { decile, maximum, title, picture, heat }, most, typical) {
  const values = heat ? Float32Array.from(heat, (value) => value ?? 0) : null;
  const isKnown = values?.length === shape.nTokens;
  const frame = make(
    'span',
    { class: 'pl-exemplarframe' },
    picture ? make('img', { src: picture, alt: title ?? '', loading: 'lazy' }) : make('span', { class: 'pl-noimage', text: 'No picture' }),
  );
  if (isKnown && state.marks) frame.append(heatCanvas(shape, values, most, OVER));
  const isAtPrefix = isKnown && peakOf(values.subarray(0, shape.nPrefix)) >= 0.999 * maximum && shape.nPrefix > 0;
  const amount = Number.isFinite(typical) ? timesText(maximum / typical) : maximum.toPrecision(3);
  return make(
    'li',
    { title: title ?? '' },
    frame,
    make('span', { class: 'pl-num' }, make('strong', { text: amount }), isAtPrefix ? ` at ${shape.prefixNames[0] ?? 'CLS'}` : ''),
    make('span', { class: 'pl-muted', text: decileWords(decile) }),
  );
}

/** The list items of all exemplars, strongest first, all on one scale from 0 to the largest of them. */
export function exemplarItems(scene, { exemplars, typical }) {
  const most = Math.max(...exemplars.map(({ maximum }) => maximum));
  return [...exemplars].sort((a, b) => b.maximum - a.maximum).map((one) => exemplar(scene, one, most, typical > 0 ? typical : NaN));
}
