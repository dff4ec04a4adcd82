// The words that the model reads and says, as buttons: choose one to see which latents are on there.

import { make, setText } from '../shared/dom.js';
import { tokenName } from '../shared/geometry.js';
import { createGate } from '../shared/schedule.js';
import { heatOf, peakOf } from '../steering/acts.js';
import { heatColor, heatShare } from '../steering/heat.js';
import { LUT, lutIndex, textOn } from '../shared/color.js';
import { shownLatent } from '../steering/state.js';

/** What a token is called: a patch by its place, a word by itself. */
export function talkTokenName({ shape, texts }, token) {
  if (token < shape.nPatches) return tokenName(shape, token);
  const found = texts[token - shape.nPatches];
  return found ? `“${found.text || '…'}”` : `token ${token + 1}`;
}

/** What is selected, as a sentence. */
export function chosenWords(scene) {
  const { state, shape } = scene;
  if (state.pen !== 'select') return `Fires here: ${state.fires.length} patches; not there: ${state.nots.length}.`;
  if (!state.tokens.length) return 'Nothing selected: the list is of the picture and all words.';
  if (state.tokens.length === 1) return `Selected: ${talkTokenName(scene, state.tokens[0])}.`;
  const patches = state.tokens.filter((token) => token < shape.nPatches).length;
  const words = state.tokens.length - patches;
  const parts = [patches ? `${patches} ${patches === 1 ? 'patch' : 'patches'}` : '', words ? `${words} ${words === 1 ? 'word' : 'words'}` : ''];
  return `Selected: ${parts.filter(Boolean).join(' and ')}.`;
}

/** View of the words of prompt and answer; brightness is the activation of the latent that is shown, each from 0 to its maximum there. */
export function createTextTokens({ parts, getScene, dispatch }) {
  const gate = createGate();
  parts.textTokens.addEventListener('click', (event) => {
    const button = event.target.closest('[data-token]');
    if (!button) return;
    const token = Number(button.dataset.token);
    const { tokens } = getScene().state;
    const adds = event.shiftKey || event.ctrlKey || event.metaKey;
    if (!adds && tokens.length === 1 && tokens[0] === token) dispatch({ type: 'clear' });
    else dispatch({ type: 'paint', pen: 'select', tokens: [token], mode: adds ? 'toggle' : 'replace' });
  });

  function fill(scene) {
    const { texts, shape, state, assets } = scene;
    const latent = shownLatent(state);
    const heat = latent === null || !assets.all ? null : heatOf(assets.all, latent).subarray(shape.nPatches);
    const most = heat ? peakOf(heat) : 0;
    const focused = parts.textTokens.contains(document.activeElement) ? document.activeElement.dataset.token : null;
    const word = ({ text, kind, special }, i) => {
      const act = heat?.[i] ?? 0;
      const made = make('button', {
        type: 'button',
        class: `pl-token${special ? ' pl-specialtoken' : ''}`,
        'data-token': shape.nPatches + i,
        'data-kind': kind,
        'aria-pressed': String(state.tokens.includes(shape.nPatches + i)),
        text: text || '·',
      });
      if (act > 0) {
        made.style.background = heatColor(act, most);
        made.style.color = textOn(LUT[lutIndex(heatShare(act, most))]);
        made.title = `activation ${act.toPrecision(3)}`;
      }
      return made;
    };
    const group = (kind, title) => {
      const found = texts.map((text, i) => (text.kind === kind ? word(text, i) : null)).filter(Boolean);
      return found.length ? [make('span', { class: 'pl-tokengroup' }, make('span', { class: 'pl-muted pl-tokentitle', text: title }), ...found)] : [];
    };
    parts.textTokens.replaceChildren(...group('image', 'picture'), ...group('prompt', 'given'), ...group('generated', 'said'));
    if (focused) parts.textTokens.querySelector(`[data-token="${focused}"]`)?.focus({ preventScroll: true });
  }
  function render() {
    const scene = getScene();
    if (!scene) return;
    setText(parts.chosen, chosenWords(scene));
    const { versions, state, themeSerial } = scene;
    if (gate.opens([versions.run, versions.heard, versions.acts, state.tokens, shownLatent(state), themeSerial].join('|'))) fill(scene);
  }
  return { render, forget: gate.reset };
}
