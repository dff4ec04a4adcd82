// "Flip it with the fewest": starts the search, tells what it found and how sure it is, and puts it in on request.

import { make, passFocus, prefersStill, setEmojiText, setText } from '../shared/dom.js';
import { createGate } from '../shared/schedule.js';
import { chipLabel, chipsKey } from './places.js';
import { axesOf } from './sweepdata.js';
import { closesAlone, flipSentence, proofSentence } from './words.js';

/** What a search is asked for, {site, by, token}: heads at CLS, heads at every token, or the cells of the map. */
export function flipRequest({ among, site, by, token }, shape) {
  const isHeads = (id) => shape.sites.some((entry) => entry.id === id && entry.by.some((axes) => axes.join() === 'layer,head'));
  if (among === 'map') return { site, by: axesOf(by), token: axesOf(by).includes('token') ? 'all' : token };
  const heads = isHeads(site) ? site : (shape.sites.find(({ id }) => isHeads(id))?.id ?? site);
  return { site: heads, by: ['layer', 'head'], token: among === 'cls' && shape.nPrefix ? 'cls' : 'all' };
}

function memberRow(flip, shape, member, askReads) {
  const share = closesAlone(flip, member.alone);
  const known = Number.isFinite(share);
  const width = known ? Math.max(0, Math.min(1, share)) : 0;
  const hasHead = Number.isInteger(member.head) && Number.isInteger(member.layer);
  const name = chipLabel(shape, member);
  return make('li', {},
    hasHead ? make('button', { type: 'button', class: 'pl-memberlink', text: name, title: 'Show what this head reads', onclick: () => askReads(member) })
      : make('span', { text: name }),
    make('span', { class: 'pl-meter', 'aria-hidden': 'true' }, make('span', { style: `transform:scaleX(${width.toFixed(3)})` })),
    make('span', { class: 'pl-num', text: known ? `${Math.round(100 * share)} %`.replace('-', '−') : '–' }));
}

/** View of the card; `askFlip` starts the search. */
export function createFlipCard({ parts, getScene, dispatch, askFlip, askReads, cancel }) {
  const [choiceGate, resultGate] = [createGate(), createGate()];
  parts.among.addEventListener('change', () => dispatch({ type: 'among', value: parts.among.value }));
  for (const button of [parts.flipButton, parts.flipFirst]) button.addEventListener('click', askFlip);
  if (!prefersStill()) parts.flipSpin.animate([{ transform: 'none' }, { transform: 'rotate(360deg)' }], { duration: 900, iterations: Infinity });
  parts.cancelFlip.addEventListener('click', () => cancel('flip'));
  for (const button of [parts.flipApply, parts.applyFound]) button.addEventListener('click', () => dispatch({ type: 'chips', chips: getScene().flip.members }));

  const hasSet = (flip) => Boolean(flip?.members?.length) && flip.state !== 'running';
  function fillResult({ run, shape, flip, isFlipping, state }) {
    const isRunning = isFlipping || flip?.state === 'running';
    parts.flipProgress.hidden = !isRunning;
    setText(parts.flipText, isRunning ? (flip?.text || 'starting…') : '');
    if (isRunning) {
      parts.cancelFlip.hidden = false;
      for (const button of [parts.flipButton, parts.flipFirst]) passFocus(button, parts.cancelFlip);
    }
    parts.flipButton.disabled = isRunning;
    if (!isRunning) passFocus(parts.cancelFlip, parts.flipButton);
    parts.cancelFlip.hidden = !isRunning;
    parts.flipFirst.disabled = isRunning;
    setText(parts.flipFirst, isRunning ? 'Searching…' : 'Flip it with the fewest');
    const isOver = !isRunning && Boolean(flip) && flip.state !== 'running';
    parts.flipResult.hidden = !isOver;
    const isPutIn = hasSet(flip) && chipsKey(shape, flip.members) === chipsKey(shape, state.chips);
    parts.applyFound.hidden = !hasSet(flip) || !isOver;
    parts.flipFirst.hidden = !parts.applyFound.hidden;
    if (!isOver) return;
    setEmojiText(parts.flipSentence, flipSentence({ run, flip }));
    parts.flipFound.hidden = !hasSet(flip);
    if (!hasSet(flip)) return;
    setText(parts.flipProof, proofSentence(flip));
    parts.members.replaceChildren(...flip.members.map((member) => memberRow(flip, shape, member, askReads)));
    parts.membersTitle.hidden = flip.members.length < 2;
    parts.members.hidden = flip.members.length < 2;
    parts.flipApply.disabled = isPutIn;
    setText(parts.flipApply, isPutIn ? 'Put in' : flip.members.length === 1 ? 'Put it in' : `Put these ${flip.members.length} in`);
    setText(parts.applyFound, flip.members.length === 1 ? 'Put in the one that was found' : `Put in the ${flip.members.length} that were found`);
  }
  function render() {
    const scene = getScene();
    if (!scene) return;
    const { versions, state } = scene;
    if (choiceGate.opens([versions.run, state.among].join())) {
      parts.among.options[0].hidden = !scene.shape.nPrefix;
      parts.among.value = scene.shape.nPrefix || state.among !== 'cls' ? state.among : 'all';
    }
    if (resultGate.opens([versions.run, versions.flip, scene.isFlipping, JSON.stringify(state.chips)].join())) fillResult(scene);
  }
  function forget() {
    choiceGate.reset();
    resultGate.reset();
  }
  return { render, forget };
}
