// A recipe that was measured: what to click, what should change and what should not.

import { make, setEmojiText, setText } from '../shared/dom.js';
import { createGate } from '../shared/schedule.js';
import { chipWords, rackKey, rackOf, whereWords } from './rack.js';
import { steeredWords } from './words.js';

/** What the rack holds once the recipe is done. */
export function guideRack({ chips, where, tokens, keep_error: keepError }, lens) {
  return { chips: chips ?? [], where: where ?? 'all', tokens: tokens ?? null, keep_error: keepError !== false, lens };
}

/** What to do, in the words of this page: its last step names the dials as the rack does. */
export function guideSteps({ steps, chips, where, tokens }) {
  if (!chips?.length) return steps ?? [];
  const [ways, place] = [chips.map(chipWords).join(', '), whereWords({ where: where ?? 'all', tokens })];
  return [...(steps ?? []).slice(0, -1), `Under “Find a latent”, type its number and press “Turn”: ${ways}; where: ${place}.`];
}

/** View of the recipe; `follow(rack)` does it. */
export function createGuideCard({ parts, getScene, follow }) {
  const gate = createGate();
  let [opened, isFolded] = [null, false]; // the run, and the latent whose page it opened with
  parts.guideButton.addEventListener('click', () => {
    const { guide, state } = getScene();
    follow(guideRack(guide, state.lens));
  });
  function fill({ guide, state, steered, run, current, isSteering }) {
    setText(parts.guideTitle, guide.title);
    const items = (sentences) => (sentences ?? []).map((text) => make('li', { text }));
    parts.guideSteps.replaceChildren(...items(guideSteps(guide)));
    parts.guideExpect.replaceChildren(...items(guide.expect));
    parts.guideNot.replaceChildren(...items(guide.not));
    setText(parts.guideMeasured, guide.measured ? `Measured ${guide.measured}.` : '');
    const isDone = rackKey(guideRack(guide, state.lens)) === rackKey(rackOf(state));
    const isTold = isDone && !isSteering && steered && rackKey(current.rack) === rackKey(rackOf(state));
    setEmojiText(parts.guideResult, isTold ? `${steeredWords({ rack: current.rack, steered, watched: run.watched })} See the three runs below.` : '');
    setText(parts.guideButton, isDone ? 'Do it again' : 'Do it');
  }
  function render() {
    const scene = getScene();
    if (!scene) return;
    parts.guideCard.hidden = !scene.guide;
    const { versions, state, isSteering, run } = scene;
    if (opened?.key !== run.key) opened = { key: run.key, latent: state.latent };
    if (!isFolded && state.latent !== null && state.latent !== opened.latent) {
      isFolded = true;
      parts.guideCard.open = false; // the page of a latent that the visitor chose takes its place
    }
    const key = [versions.run, versions.guide, versions.steered, versions.rack, isSteering, JSON.stringify(rackOf(state))];
    if (scene.guide && gate.opens(key.join('|'))) fill(scene);
  }
  return { render, forget: gate.reset };
}
