// The same dials on many other pictures, beside as many random ones, with intervals and the pictures where they do least.

import { make, setText } from '../shared/dom.js';
import { formatLogit, formatMargin, formatPercent } from '../shared/format.js';
import { intervalRow, intervalScale } from '../shared/intervals.js';
import { createGate } from '../shared/schedule.js';
import { isTurned } from './rack.js';
import { generalWords, rangeWords } from './words.js';

function group(title, rows, format, most) {
  const known = rows.filter(({ of }) => of && Number.isFinite(of.middle));
  const scale = intervalScale(
    known.map(({ of }) => of),
    most,
  );
  return make(
    'div',
    { class: 'pl-intervals' },
    make('h5', { text: title }),
    ...known.map(({ name, of, isControl }) =>
      intervalRow(name, of.middle, of, scale, { isControl, words: { middle: format(of.middle), interval: rangeWords(of, format) } }),
    ),
  );
}

const mean = (of) => of && { ...of, middle: of.mean };
const rate = (of) => of && { ...of, middle: of.rate };

function answersWords([before, after], painter) {
  if (before.index === after.index) return `${painter.text(before.emoji)} stays ${before.name}`;
  return `${painter.text(before.emoji)} ${before.name} → ${painter.text(after.emoji)} ${after.name}`;
}

function failure({ title, picture, before, after, answers }, painter) {
  const image = picture ? make('img', { src: picture, alt: '', loading: 'lazy' }) : make('span', { class: 'pl-noimage', text: 'No picture' });
  return make(
    'li',
    {},
    image,
    make('span', { class: 'pl-failtitle', text: title, title }),
    ...(answers?.length === 2 ? [make('span', { class: 'pl-failanswers', text: answersWords(answers, painter) })] : []),
    Number.isFinite(after) ? make('span', { class: 'pl-num pl-muted', text: `logit ${formatLogit(before)} → ${formatLogit(after)}` }) : '',
  );
}

/** View of the card; `ask()` starts it. */
export function createOthersCard({ parts, getScene, ask, cancel }) {
  const gate = createGate();
  parts.generalButton.addEventListener('click', ask);
  parts.generalCancel.addEventListener('click', () => cancel('general'));

  function fill(scene) {
    const { general, run, state, isGeneral, isStale, painter } = scene;
    const isRunning = isGeneral || general?.state === 'running';
    const isReady = state.chips.some(isTurned);
    parts.generalButton.disabled = isRunning || !isReady;
    setText(parts.generalHint, isReady ? '' : 'Turn a latent first.');
    parts.generalRunning.hidden = !isRunning;
    setText(parts.generalText, general?.total && !isGeneral ? `${general.done} of ${general.total} pictures` : 'starting…');
    parts.generalBar.style.transform = `scaleX(${general?.total && !isGeneral ? (general.done / general.total).toFixed(3) : 0})`;
    parts.generalResult.hidden = !general?.effect;
    if (!general?.effect) return;
    parts.generalResult.dataset.stale = String(isStale.general);
    setText(parts.generalStale, isStale.general ? 'From before the last turn; run it again.' : '');
    setText(parts.generalSentence, generalWords(general, run.watched));
    const { control } = general;
    parts.generalIntervals.replaceChildren(
      group(
        `Change of the logit of ${run.watched.name}`,
        [
          { name: 'these', of: mean(general.effect) },
          { name: 'at random', of: mean(control?.effect), isControl: true },
        ],
        formatMargin,
        0,
      ),
      group(
        'Pictures whose answer changes',
        [
          { name: 'these', of: rate(general.changed) },
          { name: 'at random', of: rate(control?.changed), isControl: true },
        ],
        formatPercent,
        1,
      ),
    );
    setText(parts.generalSource, `95 % intervals. ${control?.what ? `At random: ${control.what}.` : ''}`);
    const failures = general.failures ?? [];
    parts.failuresTitle.hidden = !failures.length;
    parts.failures.replaceChildren(...failures.map((one) => failure(one, painter)));
  }
  function render() {
    const scene = getScene();
    if (!scene) return;
    const { state, versions, isGeneral, isStale } = scene;
    if (gate.opens([versions.run, versions.general, isGeneral, isStale.general, JSON.stringify(state.chips), scene.fontReady].join('|'))) fill(scene);
  }
  return { render, forget: gate.reset };
}
