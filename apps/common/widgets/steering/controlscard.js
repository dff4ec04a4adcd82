// Is it these latents, or any push? Random latents of the same length, and the opposite sign.

import { setEmojiText, setText } from '../shared/dom.js';
import { formatMargin, formatPercent } from '../shared/format.js';
import { intervalRow, intervalScale } from '../shared/intervals.js';
import { createGate } from '../shared/schedule.js';
import { isTurned } from './rack.js';
import { controlsWords, rangeWords } from './words.js';

/** The lines of the picture of the controls: these dials, random ones, the opposite sign; points have no width. */
export function controlRows({ steered, random, opposite }) {
  const point = (value) => ({ low: value, high: value });
  const rows = [
    { name: 'these', middle: steered.change, interval: point(steered.change), words: '' },
    { name: `${random.n} random`, middle: random.mean, interval: random, words: rangeWords(random, formatMargin), isControl: true },
  ];
  if (opposite && Number.isFinite(opposite.change))
    rows.push({ name: 'opposite', middle: opposite.change, interval: point(opposite.change), words: '', isControl: true });
  return rows;
}

/** View of the card; `ask()` starts it. */
export function createControlsCard({ parts, getScene, ask, cancel }) {
  const gate = createGate();
  parts.controlsButton.addEventListener('click', ask);
  parts.controlsCancel.addEventListener('click', () => cancel('controls'));

  function fill(scene) {
    const { controls, run, state, isControls, isStale, painter } = scene;
    const isRunning = isControls || controls?.state === 'running';
    const isReady = state.chips.some(isTurned);
    parts.controlsButton.disabled = isRunning || !isReady;
    parts.controlsRunning.hidden = !isRunning;
    setText(parts.controlsProgress, controls?.state === 'running' && controls.text ? controls.text : 'pushing at random…');
    setText(parts.controlsHint, isReady ? '' : 'Turn a latent first.');
    parts.controlsResult.hidden = !controls?.random || !controls.steered;
    if (parts.controlsResult.hidden) return;
    parts.controlsResult.dataset.stale = String(isStale.controls);
    setText(parts.controlsStale, isStale.controls ? 'From before the last turn; run it again.' : '');
    setText(parts.controlsSentence, controlsWords(controls, run.watched));
    const rows = controlRows(controls);
    const scale = intervalScale(
      rows.map(({ interval }) => interval),
      0,
    );
    parts.controlsIntervals.replaceChildren(
      ...rows.map(({ name, middle, interval, words, isControl }) =>
        intervalRow(name, middle, interval, scale, { isControl, words: { middle: formatMargin(middle), interval: words } }),
      ),
    );
    const answer = controls.opposite?.answer;
    setEmojiText(
      parts.controlsChanged,
      `The answer changed in ${formatPercent(controls.random.changed)} of the random pushes.${answer ? ` Turned the other way it is ${painter.text(answer.emoji)} ${answer.name}.` : ''}`,
    );
  }
  function render() {
    const scene = getScene();
    if (!scene) return;
    const { state, versions, isControls, isStale } = scene;
    if (gate.opens([versions.run, versions.controls, isControls, isStale.controls, JSON.stringify(state.chips), scene.fontReady].join('|')))
      fill(scene);
  }
  return { render, forget: gate.reset };
}
