// Two SAEs on this picture: how much of it each misses, token by token, on one scale.

import { make, setText } from '../shared/dom.js';
import { formatPercent } from '../shared/format.js';
import { createGate } from '../shared/schedule.js';
import { peakOf } from './acts.js';
import { heatAlphas, heatCanvas, heatGradient } from './heat.js';

const OVER_ERRORS = heatAlphas(0.85);
const known = (values) => Float32Array.from(values ?? [], (value) => value ?? 0);

/** The largest error of both, which the colours of both maps are scaled to. */
export function errorScale(other) {
  return Math.max(1e-9, peakOf(known(other.error)), peakOf(known(other.own?.error)));
}

/** View of the card; `compare(id)` asks for another SAE. */
export function createCompareCard({ parts, getScene, compare, waiting }) {
  const gate = createGate();
  parts.errorRamp.style.background = heatGradient();
  parts.other.addEventListener('change', () => parts.other.value && compare(parts.other.value));
  parts.otherText.addEventListener('keydown', (event) => {
    const name = parts.otherText.value.trim();
    if (event.key === 'Enter' && name && name !== getScene()?.other?.id) compare(name);
  });

  function figure({ run, shape }, title, { explained_variance: explained, l0, error }, most) {
    const values = known(error);
    const frame = make('span', { class: 'pl-exemplarframe' }, make('img', { src: run.image.url, alt: '' }));
    if (values.length === shape.nTokens) frame.append(heatCanvas(shape, values, most, OVER_ERRORS));
    const prefix = shape.nPrefix && values.length === shape.nTokens ? `, at ${shape.prefixNames[0] ?? 'CLS'} ${formatPercent(values[0])}` : '';
    return make(
      'figure',
      { class: 'pl-errormap' },
      make('figcaption', {}, make('strong', { text: title })),
      frame,
      make('p', { class: 'pl-num', text: `Explained variance ${formatPercent(explained)}` }),
      make('p', {
        class: 'pl-num pl-muted',
        text: `L0 ${Number.isFinite(l0) ? l0.toFixed(1) : '–'}; worst token misses ${formatPercent(peakOf(values))}${prefix}`,
      }),
    );
  }
  function fill(scene) {
    const { run, table, other } = scene;
    const known = (table ?? []).filter(({ id }) => id !== run.sae.id);
    const ids = !other || known.some(({ id }) => id === other.id) ? known : [...known, other];
    parts.otherOwn.hidden = !run.any_sae;
    parts.other.replaceChildren(
      make('option', { value: '', text: ids.length ? 'Choose an SAE…' : 'No other SAE of this model' }),
      ...ids.map(({ id, title }) => make('option', { value: id, text: title })),
    );
    parts.other.disabled = !ids.length;
    parts.other.value = waiting.other ?? other?.id ?? '';
    parts.compareBusy.hidden = !waiting.other;
    const isShown = Boolean(other?.own) && !waiting.other;
    parts.compareResult.hidden = !isShown;
    if (!isShown) return;
    const most = errorScale(other);
    setText(parts.errorMost, formatPercent(most));
    parts.errorMaps.replaceChildren(figure(scene, `This one: ${run.sae.title}`, other.own, most), figure(scene, other.title, other, most));
  }
  function render() {
    const scene = getScene();
    if (!scene) return;
    const { versions } = scene;
    if (gate.opens([versions.run, versions.table, versions.other, waiting.other].join('|'))) fill(scene);
  }
  return { render, forget: gate.reset };
}
