// One line for each turned latent: what it is called, how it is turned, and how far.

import { make, setText } from '../shared/dom.js';
import { factsOf, latentName } from './columns.js';
import { labelNodes } from './latentlist.js';
import { HOWS, MOST } from './rack.js';

/** Where the filled part of a slider from −most to most begins and ends, in per cent: between 0 and its value. */
export function bipolarSpan(value, most = MOST) {
  const at = 50 + (50 * value) / most;
  return [Math.min(50, at), Math.max(50, at)];
}

function showSpan(range, value) {
  const [from, to] = bipolarSpan(value);
  range.style.setProperty('--pl-from', `${from.toFixed(1)}%`);
  range.style.setProperty('--pl-to', `${to.toFixed(1)}%`);
}

function dialLine(latent, { dispatch, open, hows }) {
  const name = make('button', { type: 'button', class: 'pl-dialname', onclick: () => open(latent), title: 'Show what this latent is' });
  const how = make(
    'select',
    { class: 'pl-select', 'aria-label': `How ${latentName(latent)} is turned` },
    ...HOWS.filter(({ id }) => hows?.includes(id) ?? true).map(({ id, title, meaning }) => make('option', { value: id, text: title, title: meaning })),
  );
  const range = make('input', {
    type: 'range',
    class: 'pl-range pl-bipolar',
    min: -MOST,
    max: MOST,
    step: 0.5,
    'aria-label': `How far ${latentName(latent)} is turned`,
  });
  const number = make('input', {
    type: 'number',
    class: 'pl-input pl-dialnumber',
    min: -MOST,
    max: MOST,
    step: 0.5,
    'aria-label': `Amount of ${latentName(latent)}`,
  });
  const unit = make('span', { class: 'pl-muted pl-dialunit' });
  const away = make('button', {
    type: 'button',
    class: 'pl-chipaway',
    text: '×',
    'aria-label': `Take out ${latentName(latent)}`,
    title: 'Take out',
    onclick: () => dispatch({ type: 'removeChip', latent }),
  });
  how.addEventListener('change', () =>
    dispatch({
      type: 'chip',
      latent,
      how: how.value,
      ...(how.value === 'ablate' ? {} : { amount: Number(range.value) || (how.value === 'add' ? 5 : 0) }),
    }),
  );
  range.addEventListener('input', () => dispatch({ type: 'chip', latent, amount: Number(range.value) }));
  number.addEventListener('input', () => Number.isFinite(number.valueAsNumber) && dispatch({ type: 'chip', latent, amount: number.valueAsNumber }));
  const row = make(
    'li',
    { class: 'pl-dialrow', 'data-chip': latent },
    name,
    how,
    make('span', { class: 'pl-dialslider' }, range),
    number,
    unit,
    away,
  );
  return { row, name, how, range, number, unit };
}

/** Lines in a holder; show(scene) has one for each chip of the state, and keeps those that are there. */
export function createDials(holder, dispatch) {
  const lines = new Map();
  const open = (latent) => dispatch({ type: 'latent', latent });

  function fillLine(scene, { latent, how, amount }) {
    const line = lines.get(latent);
    const facts = factsOf(scene.assets.columns, latent);
    line.name.replaceChildren(make('strong', { text: latentName(latent) }), make('span', { class: 'pl-latentlabel' }, ...labelNodes(scene, facts)));
    line.how.value = how;
    const isOff = how === 'ablate';
    line.range.disabled = line.number.disabled = isOff;
    line.range.value = String(isOff ? 0 : amount);
    showSpan(line.range, isOff ? 0 : amount);
    if (document.activeElement !== line.number || line.number.valueAsNumber !== amount) line.number.value = isOff ? '' : String(amount);
    setText(line.unit, isOff ? 'to 0' : HOWS.find(({ id }) => id === how).unit);
    line.range.setAttribute('aria-valuetext', `${amount} ${line.unit.textContent}`);
  }
  return (scene) => {
    const { chips } = scene.state;
    for (const latent of lines.keys()) if (!chips.some((chip) => chip.latent === latent)) lines.delete(latent);
    const added = chips.filter(({ latent }) => !lines.has(latent));
    for (const { latent } of added) lines.set(latent, dialLine(latent, { dispatch, open, hows: scene.run.hows }));
    const rows = chips.map(({ latent }) => lines.get(latent).row);
    if (rows.length !== holder.children.length || rows.some((row, i) => holder.children[i] !== row)) holder.replaceChildren(...rows);
    chips.forEach((chip) => fillLine(scene, chip));
  };
}
