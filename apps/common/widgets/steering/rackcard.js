// The rack: one line for each turned latent, where they act, and whether the reconstruction error is kept.

import { make, setText } from '../shared/dom.js';
import { createGate } from '../shared/schedule.js';
import { createDials } from './dials.js';
import { rackOf, whereWords } from './rack.js';

/** View of the dials; a page of a latent opens with a click on its name. */
export function createRackCard({ parts, getScene, dispatch }) {
  const gate = createGate();
  const showDials = createDials(parts.dials, dispatch);
  parts.where.addEventListener('change', () => dispatch({ type: 'where', value: parts.where.value }));
  parts.keepError.addEventListener('change', () => dispatch({ type: 'keepError', value: parts.keepError.checked }));
  parts.clearChips.addEventListener('click', () => dispatch({ type: 'clearChips' }));
  parts.useSelection.addEventListener('click', () => dispatch({ type: 'where', value: 'list' }));
  parts.lens.addEventListener('change', () => dispatch({ type: 'lens', value: parts.lens.value }));

  function fillWhere({ state, run, wheres }) {
    const canList = state.tokens.length || state.rackTokens.length;
    parts.where.replaceChildren(
      ...wheres.map(({ id, title }) =>
        make('option', {
          value: id,
          disabled: id === 'list' && !canList,
          text:
            id === 'list'
              ? state.where === 'list'
                ? whereWords(rackOf(state))
                : `${title}${state.tokens.length ? ` (${state.tokens.length})` : ': select some first'}`
              : title,
        }),
      ),
    );
    parts.where.value = state.where;
    parts.useSelection.hidden = state.where !== 'list' || !state.tokens.length || String(state.tokens) === String(state.rackTokens);
    setText(parts.useSelection, `Use the ${state.tokens.length} selected now`);
    parts.keepError.checked = state.keepError;
    if (parts.lens.dataset.of !== run.lens_labels?.join()) {
      parts.lens.dataset.of = run.lens_labels?.join() ?? '';
      parts.lens.replaceChildren(...(run.lens_labels ?? []).map((label) => make('option', { value: label, text: label })));
    }
    parts.lens.value = state.lens;
  }
  function render() {
    const scene = getScene();
    if (!scene) return;
    const { state, versions } = scene;
    if (!gate.opens([versions.run, versions.columns, JSON.stringify(rackOf(state)), state.tokens, scene.fontReady].join('|'))) return;
    showDials(scene);
    fillWhere(scene);
    const unit = scene.run.sae.unit_note;
    parts.unitNote.hidden = !unit;
    setText(parts.unitNote, unit ? `“Typical” here: ${unit}.` : '');
    parts.rackEmpty.hidden = state.chips.length > 0;
    parts.clearChips.hidden = !state.chips.length;
  }
  return { render, forget: gate.reset };
}
