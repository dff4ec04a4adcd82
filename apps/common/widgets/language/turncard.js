// The rack: latents that are turned, at which tokens, in which passes, and what stands beside them as a control.

import { make, setText } from '../shared/dom.js';
import { createGate } from '../shared/schedule.js';
import { showSegment, wireSegments } from '../shared/segments.js';
import { createDials } from '../steering/dials.js';
import { actsSomewhere, turnOf } from './talkstate.js';

/** View of what is turned; `guide()` does the recipe. */
export function createTurnCard({ parts, getScene, dispatch, guide }) {
  const gate = createGate();
  const showDials = createDials(parts.dials, dispatch);
  for (const box of parts.kinds.querySelectorAll('input')) box.addEventListener('change', () => dispatch({ type: 'kind', value: box.value }));
  for (const box of parts.whens.querySelectorAll('input')) box.addEventListener('change', () => dispatch({ type: 'when', value: box.value }));
  parts.keepError.addEventListener('change', () => dispatch({ type: 'keepError', value: parts.keepError.checked }));
  parts.clearChips.addEventListener('click', () => dispatch({ type: 'clearChips' }));
  parts.guideButton.addEventListener('click', guide);
  wireSegments(parts.control, 'control', dispatch);

  function fillBoxes(state) {
    for (const [group, chosen] of [[parts.kinds, state.kinds], [parts.whens, state.whens]])
      for (const box of group.querySelectorAll('input')) box.checked = chosen.includes(box.value);
    parts.keepError.checked = state.keepError;
    showSegment(parts.control, state.control);
    for (const radio of parts.control.querySelectorAll('input')) radio.disabled = !state.chips.length;
    parts.nowhere.hidden = actsSomewhere(state);
    setText(parts.nowhere, 'So nothing is turned: what is given belongs to the prefill, what is generated to decode. Tick one more.');
  }
  function render() {
    const scene = getScene();
    if (!scene) return;
    const { state, versions, run, guide: recipe } = scene;
    if (!gate.opens([versions.run, versions.columns, versions.guide, JSON.stringify(turnOf(state)), scene.fontReady, scene.isTalking].join('|'))) return;
    showDials(scene);
    fillBoxes(state);
    const unit = run.sae.unit_note;
    parts.unitNote.hidden = !unit;
    setText(parts.unitNote, unit ? `“Typical” here: ${unit}.` : '');
    parts.rackEmpty.hidden = state.chips.length > 0;
    parts.clearChips.hidden = !state.chips.length;
    parts.guideCard.hidden = !recipe;
    if (recipe) setText(parts.guideButton, recipe.title);
    setText(parts.guideMeasured, recipe?.measured ?? '');
  }
  return { render, forget: gate.reset };
}

/** What came of the recipe, as a sentence: which words went, which stayed; "" before it has been done. */
export function recipeWords(recipe, { original, steered }, isDone) {
  if (!recipe || !isDone || !original || !steered || steered.state === 'speaking' || original.state === 'speaking') return '';
  const says = (column, word) => column.words.some(({ t }) => t.trim() === word);
  const quoted = (words) => words.map((word) => `“${word}”`).join(' and ');
  const gone = recipe.gone.filter((word) => says(original, word) && !says(steered, word));
  const kept = recipe.kept.filter((word) => says(original, word) && says(steered, word));
  const told = [];
  if (gone.length) told.push(`The steered answer does not say ${quoted(gone)} any more`);
  else told.push('The steered answer still says what it should have lost');
  told.push(kept.length ? `and still says ${quoted(kept)}.` : recipe.kept.length ? `but it has lost ${quoted(recipe.kept)} too.` : '.');
  return told.join(' ').replace(' .', '.');
}

/** View of that sentence below the columns. */
export function createRecipeNote({ parts, getScene }) {
  const gate = createGate();
  function render() {
    const scene = getScene();
    if (!scene) return;
    if (!gate.opens([scene.versions.talk, scene.versions.guided, scene.isTalking].join())) return;
    const told = recipeWords(scene.guide, scene.columns, scene.guided && !scene.isTalking);
    parts.recipeResult.hidden = !told;
    parts.recipeResult.replaceChildren(...(told ? [make('span', { text: told })] : []));
  }
  return { render, forget: gate.reset };
}
