// Three columns, always: the run as it is, with the reconstruction in its place, and steered.

import { attachCombobox } from '../shared/combobox.js';
import { setEmojiText, setText } from '../shared/dom.js';
import { formatLogit, formatMargin, formatPercent } from '../shared/format.js';
import { createGate } from '../shared/schedule.js';
import { createTopList } from '../shared/toplist.js';
import { className, searchClasses } from '../shared/vocabulary.js';
import { createMiniLens, patchesOf } from './minilens.js';
import { rackOf } from './rack.js';
import { classOption } from './searchcard.js';
import { normWords, steeredWords } from './words.js';

export const COLUMNS = ['original', 'reconstruction', 'steered'];

/** How the logits of one list moved against another, {index: change}; NaN where the other does not have the class. */
export function logitChanges(top, before) {
  const logits = new Map(before.map(({ index, logit }) => [index, logit]));
  return new Map(
    top.map(({ index, logit, change }) => [index, Number.isFinite(change) ? change : logits.has(index) ? logit - logits.get(index) : NaN]),
  );
}

/** Those changes as marks of a top list, bars on a scale that `most` fills. */
export function changeMarks(changes, most) {
  return new Map(
    [...changes].map(([index, change]) => {
      if (!Number.isFinite(change)) return [index, { text: 'new', way: 'up' }];
      const isStill = Math.abs(change) < 0.005;
      return [
        index,
        {
          text: isStill ? '0.00' : formatMargin(change),
          way: isStill ? '' : change > 0 ? 'up' : 'down',
          share: Math.min(1, Math.abs(change) / most),
        },
      ];
    }),
  );
}

/** View of the three columns; `watch(index)` follows another class. */
export function createAnswers({ parts, getScene, widthOf, watch }) {
  const [gate, lensGate, watchGate] = [createGate(), createGate(), createGate()];
  const lists = Object.fromEntries(COLUMNS.map((name) => [name, createTopList(parts[`${name}Top`])]));
  const lenses = Object.fromEntries(COLUMNS.map((name) => [name, createMiniLens(parts[`${name}Lens`], widthOf, parts.originalLensBox)]));
  attachCombobox({
    input: parts.watchText,
    listbox: parts.watchChoices,
    label: (index) => className(getScene()?.assets.vocabulary, index),
    choose: watch,
    search: (typed) => {
      const { assets, run } = getScene() ?? {};
      if (!typed.trim()) return run?.top?.map(({ index }) => index) ?? [];
      return assets?.vocabulary ? searchClasses(assets.vocabulary, typed) : [];
    },
    render: (index) => classOption(getScene(), index),
  });

  function fillColumn({ run, painter, steered }, name, changes, most) {
    const top = name === 'original' ? (steered?.columns.original.top ?? run.top) : steered?.columns[name]?.top;
    const first = top?.[0];
    setText(parts[`${name}Emoji`], first ? painter.text(first.emoji) : '');
    setText(parts[`${name}Name`], first?.name ?? '…');
    setText(parts[`${name}Sure`], first ? formatPercent(first.probability) : '');
    lists[name](top ?? [], { marks: changes ? changeMarks(changes, most) : undefined, a: run.watched, b: null, painter });
    const watched = steered?.watched?.[name];
    const change = name !== 'original' && Number.isFinite(watched) ? ` (${formatMargin(watched - steered.watched.original)})` : '';
    setText(parts[`${name}Watched`], Number.isFinite(watched) ? `${formatLogit(watched)}${change}` : '–');
    setText(parts[`${name}WatchedName`], run.watched?.name ?? '');
  }
  function fill(scene) {
    const { run, steered, current } = scene;
    const original = steered?.columns.original.top ?? run.top;
    const changes = Object.fromEntries(
      COLUMNS.slice(1).map((name) => [name, steered?.columns[name] ? logitChanges(steered.columns[name].top, original) : null]),
    );
    const most = Math.max(0.1, ...Object.values(changes).flatMap((one) => (one ? [...one.values()].filter(Number.isFinite).map(Math.abs) : [])));
    for (const name of COLUMNS) fillColumn(scene, name, changes[name] ?? null, most);
    setEmojiText(
      parts.verdict,
      steered
        ? steeredWords({ rack: current.rack ?? rackOf(scene.state), steered, watched: run.watched })
        : 'The answers of the three runs come here.',
    );
    setText(parts.norm, normWords(steered?.norm));
  }
  function fillLens(scene) {
    const { steered, shape } = scene;
    const of = (what, name) => patchesOf(steered?.lens?.[what]?.[name], shape);
    for (const name of COLUMNS)
      lenses[name](scene, {
        classes: of('classes', name),
        probabilities: of('probabilities', name),
        before: name === 'original' ? [] : of('classes', 'original'),
      });
  }
  function render() {
    const scene = getScene();
    if (!scene) return;
    const { versions, run, steered, assets } = scene;
    parts.columns.setAttribute('aria-busy', String(scene.isSteering));
    if (watchGate.opens([versions.run, run.watched?.index].join()) && document.activeElement !== parts.watchText)
      parts.watchText.value = run.watched?.name ?? '';
    if (gate.opens([versions.run, versions.steered, versions.rack, scene.fontReady].join())) fill(scene);
    const width = widthOf(parts.originalLensBox);
    const look = [versions.run, versions.steered, versions.image, versions.vocabulary, scene.themeSerial, scene.fontReady, width, devicePixelRatio];
    if (steered?.lens && assets.image && assets.vocabulary && lensGate.opens(look.join())) fillLens(scene);
  }
  function forget() {
    for (const one of [gate, lensGate, watchGate]) one.reset();
  }
  return { render, forget };
}
