// A recipe that was measured: what to click, what should change and what should not.

import { make, setText } from '../shared/dom.js';
import { createGate } from '../shared/schedule.js';
import { chipWords, rackKey, rackOf } from './rack.js';

/** What the rack holds once the recipe is done. */
export function guideRack({ chips, where, tokens, keep_error: keepError }, lens) {
  return { chips: chips ?? [], where: where ?? 'all', tokens: tokens ?? null, keep_error: keepError !== false, lens };
}

/** View of the recipe; `follow(rack)` does it. */
export function createGuideCard({ parts, getScene, follow }) {
  const gate = createGate();
  let wasOpened = false;
  parts.guideButton.addEventListener('click', () => {
    const { guide, state } = getScene();
    follow(guideRack(guide, state.lens));
  });
  function fill({ guide, state }) {
    setText(parts.guideTitle, guide.title);
    const items = (sentences) => (sentences ?? []).map((text) => make('li', { text }));
    parts.guideSteps.replaceChildren(...items(guide.steps));
    parts.guideExpect.replaceChildren(...items(guide.expect));
    parts.guideNot.replaceChildren(...items(guide.not));
    setText(parts.guideMeasured, guide.measured ? `Measured ${guide.measured}.` : '');
    setText(parts.guideDials, (guide.chips ?? []).map(chipWords).join(', '));
    const isDone = rackKey(guideRack(guide, state.lens)) === rackKey(rackOf(state));
    setText(parts.guideButton, isDone ? 'Do it again' : 'Do it');
  }
  function render() {
    const scene = getScene();
    if (!scene) return;
    parts.guideCard.hidden = !scene.guide;
    if (scene.state.latent !== null && !wasOpened) {
      wasOpened = true;
      parts.guideCard.open = false; // the page of a latent takes its place
    }
    if (scene.guide && gate.opens([scene.versions.guide, JSON.stringify(rackOf(scene.state))].join('|'))) fill(scene);
  }
  return { render, forget: gate.reset };
}
