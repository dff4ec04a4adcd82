// "Is it general?": the same change on many pictures, beside as many random heads, with intervals, and where it fails.

import { make, passFocus, setEmojiText, setText } from '../shared/dom.js';
import { formatMargin } from '../shared/format.js';
import { intervalRow, intervalScale } from '../shared/intervals.js';
import { createGate } from '../shared/schedule.js';
import { generalSentence, intervalWords, membersWords } from './words.js';

function shareWords(middle, interval) {
  return { middle: `${(100 * middle).toFixed(Math.abs(middle) < 0.0995 ? 1 : 0).replace('-', '−')} %`, interval: intervalWords(interval) };
}

function group(title, pick, middle, { general }) {
  const rows = [{ name: 'these', ...pick(general) }];
  if (general.control) rows.push({ name: 'at random', ...pick(general.control) });
  const scale = intervalScale(rows);
  return make('div', { class: 'pl-intervals' }, make('h5', { text: title }),
    ...rows.map((entry, i) => intervalRow(entry.name, entry[middle], entry, scale, { isControl: i > 0, words: shareWords(entry[middle], entry) })));
}

function failure({ title, picture, metric_before: before, metric_after: after }) {
  const image = picture ? make('img', { src: picture, alt: '', loading: 'lazy' }) : make('span', { class: 'pl-noimage', text: 'No picture' });
  return make('li', {}, image, make('span', { class: 'pl-failtitle', text: title }),
    make('span', { class: 'pl-num pl-muted', text: `${formatMargin(before)} → ${formatMargin(after)}` }));
}

/** View of the card; `askGeneral` starts it. */
export function createGeneralCard({ parts, getScene, askGeneral, cancel }) {
  const gate = createGate();
  parts.generalButton.addEventListener('click', askGeneral);
  parts.cancelGeneral.addEventListener('click', () => cancel('general'));

  function fill(scene) {
    const { run, general, isGeneral, state, flip } = scene;
    const set = state.chips.length ? state.chips : (flip?.members ?? []);
    const isRunning = isGeneral || general?.state === 'running';
    parts.generalProgress.hidden = !isRunning;
    if (isRunning) {
      parts.cancelGeneral.hidden = false;
      passFocus(parts.generalButton, parts.cancelGeneral);
    }
    parts.generalButton.disabled = isRunning || !set.length;
    if (!isRunning) passFocus(parts.cancelGeneral, parts.generalButton);
    parts.cancelGeneral.hidden = !isRunning;
    setText(parts.generalButton, set.length > 1 ? `Test these ${set.length} on many pictures` : 'Test it on many pictures');
    setText(parts.generalWhat, set.length ? `${state.chips.length ? 'What is put in now' : 'What the search found'}: ${membersWords(set)}.`
      : 'Put something in, or run the search, and see here whether it holds on other pictures.');
    setText(parts.generalText, general?.total ? `${general.done} of ${general.total} pictures` : 'starting…');
    parts.generalBar.style.transform = `scaleX(${general?.total ? (general.done / general.total).toFixed(3) : 0})`;
    const isMeasured = Number.isFinite(general?.flip?.rate);
    parts.generalResult.hidden = !isMeasured && !(general?.text && !isGeneral);
    if (parts.generalResult.hidden) return;
    setEmojiText(parts.generalSentence, generalSentence({ general, run }));
    for (const part of [parts.intervals, parts.generalSource, parts.failuresTitle, parts.failuresKey, parts.failures]) part.hidden = !isMeasured;
    if (!isMeasured) return;
    setText(parts.generalSource, `On ${general.source}. Control: ${general.control?.what ?? 'none'}.`);
    const groups = [group('Flips the answer', (of) => of.flip, 'rate', scene)];
    if (general.effect) groups.push(group('How far of the way, on average', (of) => of.effect, 'mean', scene));
    parts.intervals.replaceChildren(...groups);
    const failures = general.failures ?? [];
    parts.failuresTitle.hidden = parts.failuresKey.hidden = !failures.length;
    parts.failures.replaceChildren(...failures.map(failure));
  }
  function render() {
    const scene = getScene();
    if (!scene) return;
    const key = [scene.versions.run, scene.versions.general, scene.versions.flip, scene.isGeneral, JSON.stringify(scene.state.chips)];
    if (gate.opens(key.join())) fill(scene);
  }
  return { render, forget: gate.reset };
}
