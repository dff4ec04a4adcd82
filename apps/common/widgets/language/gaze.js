// Where each head looked in the picture when a word of the original answer was chosen.

import { make, setText } from '../shared/dom.js';
import { formatPercent } from '../shared/format.js';
import { patchPlace } from '../shared/geometry.js';
import { createGate } from '../shared/schedule.js';
import { sortable } from '../shared/sorttable.js';
import { peakOf } from '../steering/acts.js';
import { heatAlphas, heatCanvas } from '../steering/heat.js';

const GAZE_OVER = heatAlphas(0.85);

/** Share of its attention that a head pays to the picture, 0 to 1, and the patch that gets most. */
export function gazeOf(values) {
  let [sum, best] = [0, 0];
  values.forEach((value, patch) => {
    sum += value;
    if (value > values[best]) best = patch;
  });
  return { share: sum, best, most: peakOf(values) };
}

/** View of the heads of one layer. */
export function createGaze({ parts, getScene, dispatch, gazeFor }) {
  const [gate, tableGate] = [createGate(), createGate()];
  parts.gazeLayer.addEventListener('change', () => dispatch({ type: 'layer', value: parts.gazeLayer.value }));
  parts.gazeTwin.addEventListener('toggle', render);

  function headFigure({ run, shape }, values, head) {
    const { share, most } = gazeOf(values);
    const frame = make('span', { class: 'pl-exemplarframe' }, make('img', { src: run.image.url, alt: '', class: 'pl-faded' }), heatCanvas(shape, values, most, GAZE_OVER));
    return make(
      'li',
      {},
      frame,
      make('span', {}, make('strong', { text: `head ${head}` })),
      make('span', { class: 'pl-num pl-muted', text: `${formatPercent(share)} on the picture` }),
    );
  }
  function fillLayers({ run, state }) {
    if (parts.gazeLayer.children.length !== run.n_layers)
      parts.gazeLayer.replaceChildren(...Array.from({ length: run.n_layers }, (_, layer) => make('option', { value: layer, text: `layer ${layer}` })));
    parts.gazeLayer.value = String(state.layer);
  }
  function fill(scene, heads) {
    const { state, word } = scene;
    parts.gazeHeads.replaceChildren(...(heads ?? []).map((values, head) => headFigure(scene, values, head)));
    const told = !scene.hasGaze
      ? 'Once the original answer is there, press one of its words: each head of the model is then shown with where it looked.'
      : word === null
        ? 'Press a word of the original answer: each head of the model is then shown with where it looked.'
        : heads
          ? `Where the heads of layer ${state.layer} looked when “${word}” was chosen. Brightness: each head from 0 to its own maximum.`
          : 'Reading the attention…';
    setText(parts.gazeWords, told);
    parts.gazeTools.hidden = !heads;
    parts.gazeTwin.hidden = !heads;
  }
  function fillTable({ shape, state }, heads) {
    const every = heads.map((values) => gazeOf(values));
    const place = (patch) => {
      const { row, col } = patchPlace(shape, patch);
      return `row ${row + 1}, column ${col + 1}`;
    };
    sortable(parts.gazeTable, {
      columns: [
        { id: 'head', title: `Head of layer ${state.layer}`, values: Float64Array.from(every, (_, i) => i), isName: true, show: (i) => `head ${i}` },
        { id: 'share', title: 'On the picture', values: Float64Array.from(every, ({ share }) => share), show: formatPercent },
        { id: 'most', title: 'Most at one patch', values: Float64Array.from(every, ({ most }) => most), show: formatPercent },
        { id: 'best', title: 'Which', values: every.map(({ best }) => place(best)), show: String },
      ],
      caption: 'Shares of the attention of each head, of 100 % over all that it could look at.',
      initial: 'head',
    });
  }
  function render() {
    const scene = getScene();
    if (!scene) return;
    const { versions, state, run, shape, word } = scene;
    const found = word === null ? null : gazeFor(state.word, { nLayers: run.n_layers, nHeads: run.n_heads, nPatches: shape.nPatches });
    const heads = found ? found.heads(state.layer) : null;
    const key = [versions.run, versions.heard, versions.gaze, state.word, state.layer, Boolean(heads), scene.hasGaze].join('|');
    if (gate.opens(key)) {
      fillLayers(scene);
      fill(scene, heads);
    }
    if (heads && parts.gazeTwin.open && tableGate.opens(key)) fillTable(scene, heads);
  }
  function forget() {
    gate.reset();
    tableGate.reset();
  }
  return { render, forget };
}
