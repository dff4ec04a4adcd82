// The columns: what the model says as it is, with the reconstruction in the layer's place, steered, and perhaps a control.

import { make, setText } from '../shared/dom.js';
import { createGate } from '../shared/schedule.js';
import { columnWords, diffWords, spokenWords } from './worddiff.js';

export const SAID = ['original', 'reconstruction', 'steered', 'control'];
const CONTROL_TITLES = { random: 'Control: random latents', opposite: 'Control: the opposite sign' };
const CONTROL_NOTES = { random: 'others, moved as far at the same tokens', opposite: 'the same latents, turned the other way' };
const MARKS = { gone: 'only in the original: ', added: 'not in the original: ' };

function sayingPieces(scene, name, column) {
  const original = scene.columns.original;
  const isCompared = name !== 'original' && original && original.state !== 'speaking' && column.state !== 'speaking';
  if (isCompared)
    return diffWords(spokenWords(original.words), spokenWords(column.words)).map(({ text, way }) => {
      if (way === 'same') return make('span', { class: 'pl-said', text });
      const tag = way === 'gone' ? 'del' : 'ins';
      return make(tag, { class: `pl-said pl-${way}` }, make('span', { class: 'pl-hidden', text: MARKS[way] }), text);
    });
  return column.words.filter(({ t }) => t.trim()).map(({ t, p }) => make('span', { class: 'pl-said', text: t.trim(), title: `${(100 * p).toFixed(0)} %` }));
}

// Words of the original can be asked about: what is on there, and where it was looked.
function originalPieces(scene, column, dispatch) {
  const first = scene.shape.nTokens - scene.nGenerated;
  return column.words.flatMap(({ t, p }, word) => {
    const text = t.trim();
    if (!text) return [];
    const token = scene.nGenerated > word ? first + word : null;
    return [
      make('button', {
        type: 'button',
        class: 'pl-said pl-word',
        text,
        'data-word': word,
        disabled: token === null,
        'aria-pressed': String(scene.state.word === word),
        title: `probability ${(100 * p).toFixed(0)} %`,
        onclick: () => dispatch({ type: 'word', value: scene.state.word === word ? null : word, token }),
      }),
    ];
  });
}

// A mark follows its word without a space.
function joined(pieces) {
  return pieces.flatMap((piece, i) => (i && !/^[.,:;?!]$/.test(piece.textContent) ? [' ', piece] : [piece]));
}

/** View of the columns. */
export function createSayings({ parts, getScene, dispatch, stop, again }) {
  const gate = createGate();
  parts.stopTalk.addEventListener('click', stop);
  parts.againTalk.addEventListener('click', again);

  function fillColumn(scene, name) {
    const column = scene.columns[name];
    const [text, state] = [parts[`${name}Text`], parts[`${name}State`]];
    if (!column) {
      text.replaceChildren(make('span', { class: 'pl-muted', text: scene.isTalking ? '…' : 'Nothing was said yet.' }));
      setText(state, '');
      return;
    }
    const pieces = name === 'original' ? originalPieces(scene, column, dispatch) : sayingPieces(scene, name, column);
    const focused = text.contains(document.activeElement) ? document.activeElement.dataset.word : null;
    text.replaceChildren(...joined(pieces));
    if (column.state === 'speaking') text.append(make('span', { class: 'pl-caret', 'aria-hidden': 'true' }));
    else if (!spokenWords(column.words).length) text.prepend(make('span', { class: 'pl-muted', text: 'It says nothing at all. ' }));
    if (focused !== null && focused !== undefined) text.querySelector(`[data-word="${focused}"]`)?.focus({ preventScroll: true });
    const told = columnWords(column, scene.columns.original, name);
    setText(state, told.state);
    parts[`${name}Column`].dataset.same = String(told.isSame ?? false);
    setText(parts[`${name}Strange`], told.strange);
  }
  function fill(scene) {
    const hasControl = Boolean(scene.columns.control) || (scene.isTalking && scene.state.control !== 'none' && scene.state.chips.length > 0);
    parts.controlColumn.hidden = !hasControl;
    parts.sayings.dataset.columns = hasControl ? '4' : '3';
    const control = scene.talk?.control !== 'none' ? scene.talk?.control : scene.state.control;
    setText(parts.controlTitle, CONTROL_TITLES[control] ?? 'Control');
    setText(parts.controlNote, CONTROL_NOTES[control] ?? '');
    for (const name of SAID) fillColumn(scene, name);
    const isOver = !scene.isTalking;
    parts.stopTalk.hidden = isOver;
    parts.againTalk.hidden = !isOver;
    setText(parts.steeredNote, scene.state.chips.length ? `with ${scene.state.chips.length === 1 ? 'the latent' : 'the latents'} turned` : 'no latent is turned yet');
    parts.sayings.setAttribute('aria-busy', String(scene.isTalking));
  }
  function render() {
    const scene = getScene();
    if (!scene) return;
    const { versions, state, isTalking, nGenerated } = scene;
    const key = [versions.run, versions.talk, versions.heard, isTalking, nGenerated, state.word, state.chips.length, state.control];
    if (gate.opens(key.join('|'))) fill(scene);
  }
  return { render, forget: gate.reset };
}
