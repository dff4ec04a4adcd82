// The line below the maps: the cell that is told of in numbers, and what can be done with it; and what the colours mean.

import { setEmojiText, setText } from '../shared/dom.js';
import { formatMargin } from '../shared/format.js';
import { createGate } from '../shared/schedule.js';
import { heatGradient } from './heatcolors.js';
import { chipKey, chipLabel } from './places.js';
import { toldCell } from './state.js';
import { chipOfCell } from './sweepdata.js';
import { answerWords, cellNumbers, formatWay } from './words.js';

/** View of the readout and of the colour bar. */
export function createReadout({ parts, getScene, dispatch, askReads, speak }) {
  const [lineGate, rampGate] = [createGate(), createGate()];
  const chosenChip = () => {
    const { data, state } = getScene();
    return data && state.cell ? chipOfCell(data, state.cell) : null;
  };
  parts.putIn.addEventListener('click', () => {
    const chip = chosenChip();
    if (chip) dispatch({ type: 'toggle', chip });
    speak();
  });
  parts.readIt.addEventListener('click', () => chosenChip() && askReads(chosenChip()));

  function fillLine({ data, shape, state }) {
    const cell = toldCell(state);
    parts.readout.dataset.empty = String(!cell || !data);
    if (!cell || !data) {
      setText(parts.readoutName, 'Point at a cell for its numbers; click it to put that part in.');
      setText(parts.readoutNumbers, '');
    } else {
      const index = cell[0] * data.cols + cell[1];
      setText(parts.readoutName, chipLabel(shape, chipOfCell(data, cell)));
      const told = state.show === 'preview' ? [cellNumbers(data, 'preview', index, 'estimate')]
        : [cellNumbers(data, 'denoise', index, 'put in'), cellNumbers(data, 'noise', index, 'taken away')];
      setText(parts.readoutNumbers, `${told.join(' · ')}${data.conflicts[index] ? ' · ◆ they disagree' : ''}`);
    }
    const chip = data && state.cell ? chipOfCell(data, state.cell) : null;
    const isIn = chip && state.chips.some((other) => chipKey(shape, other) === chipKey(shape, chip));
    parts.putIn.hidden = !chip;
    setText(parts.putIn, isIn ? 'Take it out' : 'Put it in');
    parts.readIt.hidden = !chip || !Number.isInteger(chip.head) || !Number.isInteger(chip.layer);
  }
  function fillRamp({ data, run, state, theme }) {
    parts.ramp.style.background = heatGradient(theme);
    const goal = run.metric.clean >= run.metric.corrupt ? run.a : run.b;
    const range = data?.range ?? 1;
    const ends = state.scale === 'raw' && data ? [-1, 1].map((sign) => `${formatMargin(sign * range * Math.abs(data.clean - data.corrupt))}`)
      : [formatWay(-range), formatWay(range)];
    setText(parts.rampLow, ends[0]);
    setText(parts.rampHigh, ends[1]);
    setEmojiText(parts.rampWords, `${state.scale === 'raw' ? 'logits' : 'of the way'} towards the other picture’s answer (${answerWords(goal)} when put in)`);
  }
  function render() {
    const scene = getScene();
    if (!scene) return;
    const { state, versions } = scene;
    const cell = toldCell(state);
    if (lineGate.opens([versions.run, versions.sweep, String(cell), String(state.cell), state.show, JSON.stringify(state.chips)].join())) fillLine(scene);
    if (rampGate.opens([versions.run, versions.sweep, state.scale, scene.themeSerial].join())) fillRamp(scene);
  }
  function forget() {
    lineGate.reset();
    rampGate.reset();
  }
  return { render, forget };
}
