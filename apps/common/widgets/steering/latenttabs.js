// The four tabs of a latent's page: pictures, how often, which classes it writes, which latents resemble it.

import { fitCanvas, make, setText } from '../shared/dom.js';
import { formatMargin } from '../shared/format.js';
import { heatOf, peakOf } from './acts.js';
import { factsOf, timesText } from './columns.js';
import { exemplarItems } from './exemplars.js';
import { drawHistogram } from './histogram.js';
import { neighbourItem } from './neighbours.js';

const CHART_HEIGHT = 200;

/** Fill the tab of pictures; told is null until the latent's page has come. */
export function fillPictures(parts, scene, told) {
  const { state, assets } = scene;
  const exemplars = told?.exemplars ?? [];
  const isProfiling = told?.state === 'profiling';
  const typical = told?.typical ?? factsOf(assets.columns, state.latent).typical;
  parts.marks.checked = state.marks;
  parts.exemplars.replaceChildren(...(exemplars.length ? exemplarItems(scene, { exemplars, typical }) : []));
  parts.exemplarsKey.hidden = !exemplars.length;
  const from = told?.from ? `; ${told.from}` : '';
  setText(
    parts.exemplarsWords,
    `From the pictures that it is on for, one of each 10 %, strongest first. Brightness: all on one scale, from 0 to the strongest${from}.`,
  );
  parts.latentProfiling.hidden = !isProfiling;
  setText(parts.latentProgress, told?.text ?? '');
  parts.latentNone.hidden = told === null || isProfiling || exemplars.length > 0;
  setText(parts.latentNoneText, told?.text || 'No pictures are stored for this latent.');
}

function classItem({ painter }, { name, emoji, value }, most) {
  const sign = value < 0 ? 'down' : 'up';
  return make(
    'li',
    {},
    make('span', { class: 'pl-classbar', 'data-sign': sign, style: `transform: scaleX(${(Math.abs(value) / most).toFixed(3)})` }),
    make('span', { class: 'pl-emoji', 'aria-hidden': 'true', text: painter.text(emoji) }),
    make('span', { class: 'pl-topname', text: name, title: name }),
    make('span', { class: 'pl-num', text: formatMargin(value) }),
  );
}

/** Fill the tab of classes. */
export function fillClasses(parts, scene, told) {
  const classes = told?.classes;
  const most = Math.max(1e-9, ...[...(classes?.top ?? []), ...(classes?.bottom ?? [])].map(({ value }) => Math.abs(value)));
  for (const side of ['top', 'bottom']) parts[`${side}Classes`].replaceChildren(...(classes?.[side] ?? []).map((one) => classItem(scene, one, most)));
  parts.classesBox.hidden = !classes;
  const absent = told ? 'Which classes it writes is not defined for this model’s head.' : '';
  setText(
    parts.classesWords,
    classes ? 'What its direction adds to the logits of the classes when read out directly, at its typical activation.' : absent,
  );
}

/** Fill the tab of similar latents; `open(index)` goes to one. */
export function fillNeighbours(parts, scene, told, open) {
  parts.neighbours.replaceChildren(...(told?.neighbours ?? []).map((one) => neighbourItem(scene, one, open)));
  setText(parts.neighboursWords, 'The latents that write the most similar directions: cosine 1 is the same, 0 unrelated.');
}

/** Say what the histogram shows, or that there is none. */
export function fillHistogramWords(parts, told) {
  const shown = 'Tokens at which it is on, by how strongly; both axes are logarithmic, across in units of its typical activation.';
  setText(parts.histogramWords, told?.histogram ? shown : told ? 'How often it is on has not been counted.' : '');
  parts.histogramBox.hidden = !told?.histogram;
}

/** Draw the histogram at this width, with this picture's maximum in it. */
export function showHistogram(parts, { assets, state, theme }, told, width) {
  const here = assets.acts ? peakOf(heatOf(assets.acts, state.latent)) : 0;
  const typical = told.typical > 0 ? told.typical : 1;
  const size = { width, height: CHART_HEIGHT };
  drawHistogram(fitCanvas(parts.histogramChart, width, CHART_HEIGHT), size, theme, told.histogram, { here, typical });
  const words = here > 0 ? `This picture: ${timesText(here / typical)} typical.` : 'Off in this picture.';
  parts.histogramChart.setAttribute('aria-label', `Histogram of activations. ${words}`);
}
