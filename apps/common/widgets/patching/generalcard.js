// "Is it general?": the same change on many pictures, beside as many random heads, with intervals, and where it fails.

import { make, setEmojiText, setText } from '../shared/dom.js';
import { formatMargin } from '../shared/format.js';
import { createGate } from '../shared/schedule.js';
import { generalSentence, intervalWords, membersWords } from './words.js';

/** The two scales of the card: each from the least to the greatest end of its intervals, 0 and 1 always on it. */
export function intervalScale(rows) {
  const ends = rows.flatMap(({ low, high }) => [low, high]).filter(Number.isFinite);
  const [low, high] = [Math.min(0, ...ends), Math.max(1, ...ends)];
  return { low, high, at: (value) => (100 * (value - low)) / (high - low) };
}

function row(name, middle, interval, scale, isControl) {
  const place = (v) => `${scale.at(v).toFixed(2)}%`;
  const width = `${(scale.at(interval.high) - scale.at(interval.low)).toFixed(2)}%`;
  const band = make('span', { class: 'pl-band', style: `left:${place(interval.low)};width:${width}` });
  const dot = make('span', { class: 'pl-banddot', style: `left:${place(middle)}` });
  const text = `${(100 * middle).toFixed(Math.abs(middle) < 0.0995 ? 1 : 0).replace('-', '−')} %`;
  return make('div', { class: 'pl-intervalrow', 'data-control': String(isControl) }, make('span', { class: 'pl-intervalname', text: name }),
    make('span', { class: 'pl-track', 'aria-hidden': 'true' }, band, dot),
    make('span', { class: 'pl-num', text, title: `95 % interval ${intervalWords(interval)}` }),
    make('span', { class: 'pl-num pl-muted pl-intervalends', text: intervalWords(interval) }));
}

function group(title, pick, middle, { general }) {
  const rows = [{ name: 'these', ...pick(general) }];
  if (general.control) rows.push({ name: 'at random', ...pick(general.control) });
  const scale = intervalScale(rows);
  return make('div', { class: 'pl-intervals' }, make('h5', { text: title }),
    ...rows.map((entry, i) => row(entry.name, entry[middle], entry, scale, i > 0)));
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
    parts.generalButton.disabled = isRunning || !set.length;
    setText(parts.generalButton, set.length > 1 ? `Test these ${set.length} on many pictures` : 'Test it on many pictures');
    setText(parts.generalWhat, set.length ? `${state.chips.length ? 'What is put in now' : 'What the search found'}: ${membersWords(set)}.`
      : 'Put something in, or run the search, and see here whether it holds on other pictures.');
    parts.generalProgress.hidden = !isRunning;
    parts.cancelGeneral.hidden = !isRunning;
    setText(parts.generalText, general?.total ? `${general.done} of ${general.total} pictures` : 'starting…');
    parts.generalBar.style.transform = `scaleX(${general?.total ? (general.done / general.total).toFixed(3) : 0})`;
    parts.generalResult.hidden = !general?.flip;
    if (!general?.flip) return;
    setEmojiText(parts.generalSentence, generalSentence({ general, run }));
    setText(parts.generalSource, `On ${general.source}. Control: ${general.control?.what ?? 'none'}.`);
    const groups = [group('Flips the answer', (of) => of.flip, 'rate', scene)];
    if (general.effect) groups.push(group('How far of the way, on average', (of) => of.effect, 'mean', scene));
    parts.intervals.replaceChildren(...groups);
    const failures = general.failures ?? [];
    parts.failuresTitle.hidden = !failures.length;
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
