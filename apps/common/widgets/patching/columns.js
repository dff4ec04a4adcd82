// Before, after and goal side by side: the corrupt run, the corrupt run with patches put in, the clean run; below them one line.

import { make, passFocus, setEmojiText, setText } from '../shared/dom.js';
import { formatMargin, formatPercent } from '../shared/format.js';
import { createGate } from '../shared/schedule.js';
import { createTopList, placeMarks } from '../shared/toplist.js';
import { lineScale } from './linescale.js';
import { chipKey, chipLabel, chipWords } from './places.js';
import { toldCell } from './state.js';
import { shownCell } from './sweepdata.js';
import { formatWay } from './words.js';

const NEAR_END = 16; // per cent; nearer to an end, a label grows inwards
const CLOSE = 26; // per cent; dots that are nearer to each other have their labels one above the other

/** View of the three answers, the chips and the line. */
export function createColumns({ parts, getScene, dispatch, askReads }) {
  const [answersGate, chipsGate, lineGate] = [createGate(), createGate(), createGate()];
  let isFocusFree = false; // the button that had it is gone now, and the chips come next
  const lists = Object.fromEntries(['corrupt', 'patched', 'clean'].map((side) => [side, createTopList(parts[`${side}Top`])]));
  parts.clearChips.addEventListener('click', () => dispatch({ type: 'chips', chips: [] }));

  function fillAnswer(scene, side, top, before = null) {
    const { run, painter } = scene;
    const first = top?.[0];
    setText(parts[`${side}Emoji`], painter.text(first?.emoji));
    setText(parts[`${side}Name`], first?.name ?? '');
    setText(parts[`${side}Sure`], first ? formatPercent(first.probability) : '');
    lists[side](top ?? [], { marks: before ? placeMarks(top, before) : undefined, a: run.a, b: run.b, painter });
  }
  function fillPicture(side, picture) {
    const image = parts[`${side}Image`];
    if (image.getAttribute('src') !== picture.image) image.src = picture.image;
    image.alt = picture.title;
  }
  function fillAnswers(scene) {
    const { run, applied, isApplying } = scene;
    fillPicture('corrupt', run.corrupt);
    fillPicture('clean', run.clean);
    fillPicture('patched', run.corrupt);
    parts.patchedInset.src = run.clean.image;
    setText(parts.corruptTitle, run.corrupt.title);
    setText(parts.cleanTitle, run.clean.title);
    fillAnswer(scene, 'corrupt', run.corrupt.top);
    fillAnswer(scene, 'clean', run.clean.top);
    const isEmpty = !scene.state.chips.length; // then the answer is known before the server gives it
    parts.patchedColumn.dataset.empty = String(isEmpty);
    parts.patchedColumn.setAttribute('aria-busy', String(isApplying));
    isFocusFree = !isEmpty && parts.patchedEmpty.contains(document.activeElement);
    parts.patchedEmpty.hidden = !isEmpty;
    parts.patchedTop.hidden = isEmpty;
    fillAnswer(scene, 'patched', isEmpty || !applied ? run.corrupt.top : applied.top, run.corrupt.top);
  }
  function chip({ shape }, entry) {
    const key = chipKey(shape, entry);
    const label = chipLabel(shape, entry);
    const away = make('button', { type: 'button', class: 'pl-chipaway', text: '×', 'aria-label': `Take out ${label}`, title: 'Take out',
      onclick: () => dispatch({ type: 'remove', key }) });
    const hasHead = Number.isInteger(entry.head) && Number.isInteger(entry.layer);
    const name = hasHead ? make('button', { type: 'button', class: 'pl-chipname', text: label, title: 'Show what this head reads', onclick: () => askReads(entry) })
      : make('span', { class: 'pl-chipname', text: label });
    return make('li', { class: 'pl-patchchip', title: chipWords(shape, entry), 'data-chip': key }, name, away);
  }
  function fillChips(scene) {
    const { state, applied } = scene;
    if (state.chips.length) parts.chipsRow.hidden = false;
    const held = [...parts.chips.children].findIndex((row) => row.contains(document.activeElement));
    const heldPart = held < 0 ? null : document.activeElement.classList[0];
    parts.chips.replaceChildren(...state.chips.map((entry) => chip(scene, entry)));
    const onward = [parts.flipFirst, parts.applyFound].find((button) => !button.hidden) ?? parts.site;
    if (heldPart) (parts.chips.children[Math.min(held, state.chips.length - 1)]?.querySelector(`.${heldPart}`) ?? onward).focus({ preventScroll: true });
    if (isFocusFree) parts.chips.querySelector('.pl-chipaway')?.focus({ preventScroll: true });
    isFocusFree = false;
    if (state.chips.length < 2) passFocus(parts.clearChips, parts.chips.querySelector('.pl-chipaway') ?? onward);
    parts.chipsRow.hidden = !state.chips.length;
    parts.clearChips.hidden = state.chips.length < 2;
    const numbers = applied?.chips.length === state.chips.length ? applied?.n_numbers : null;
    setText(parts.numbersTouched, Number.isFinite(numbers) ? `${numbers.toLocaleString('en')} number${numbers === 1 ? '' : 's'} replaced` : '');
  }
  function ghostOf({ state, data, direction }) {
    const cell = toldCell(state);
    if (!cell || !data) return null;
    const { raw } = shownCell(data, direction, cell[0] * data.cols + cell[1]);
    return Number.isFinite(raw) ? raw : null;
  }
  function put(dot, place, shown) {
    dot.hidden = !shown;
    if (!shown) return;
    dot.style.left = `${place.toFixed(2)}%`;
    dot.dataset.end = place < NEAR_END ? 'left' : place > 100 - NEAR_END ? 'right' : '';
  }
  function fillLine(scene, ghost) {
    const { run, applied, painter } = scene;
    const { clean, corrupt } = run.metric;
    const patched = applied?.chips.length ? applied.metric : null;
    const scale = lineScale({ clean, corrupt, others: [patched, ghost] });
    const [left, right] = clean >= corrupt ? [run.b, run.a] : [run.a, run.b];
    parts.line.dataset.left = left === run.a ? 'a' : 'b';
    parts.line.style.setProperty('--pl-tie', `${scale.tie ?? ((clean > 0) === (clean >= corrupt) ? 0 : 100)}%`);
    for (const [part, named] of [[parts.lineLeft, left], [parts.lineRight, right]]) setEmojiText(part, `${painter.text(named.emoji)} ${named.name} ahead`);
    put(parts.dotCorrupt, scale.corrupt, true);
    put(parts.dotClean, scale.clean, true);
    parts.line.dataset.stacked = String(Math.abs(scale.clean - scale.corrupt) < CLOSE);
    put(parts.dotPatched, scale.at(patched ?? corrupt), patched !== null);
    put(parts.dotGhost, scale.at(ghost ?? corrupt), ghost !== null);
    setText(parts.dotCorruptText, `corrupt ${formatMargin(corrupt)}`);
    setText(parts.dotCleanText, `clean ${formatMargin(clean)}`);
    setText(parts.dotPatchedText, patched === null ? '' : `patched ${formatMargin(patched)}`);
    setText(parts.dotGhostText, ghost === null ? '' : `this cell ${formatMargin(ghost)}`);
    const way = patched === null ? '' : `, ${formatWay((patched - corrupt) / (clean - corrupt))} of the way`;
    parts.line.setAttribute('aria-label', `${run.metric.name}: corrupt ${formatMargin(corrupt)}, clean ${formatMargin(clean)}`
      + `${patched === null ? '' : `, patched ${formatMargin(patched)}${way}`}`);
    setText(parts.metricName, run.metric.name);
  }
  function render() {
    const scene = getScene();
    if (!scene) return;
    const look = [scene.versions.run, scene.fontReady];
    if (answersGate.opens([...look, scene.versions.applied, scene.isApplying, scene.state.chips.length > 0].join())) fillAnswers(scene);
    if (chipsGate.opens([scene.versions.run, scene.versions.applied, JSON.stringify(scene.state.chips)].join())) fillChips(scene);
    const ghost = ghostOf(scene);
    if (lineGate.opens([...look, scene.versions.applied, ghost].join())) fillLine(scene, ghost);
  }
  function forget() {
    for (const gate of [answersGate, chipsGate, lineGate]) gate.reset();
  }
  return { render, forget };
}
