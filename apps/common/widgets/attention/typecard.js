// Head types that were found: which heads, how strongly, by which rule, and on which pictures each is strongest, median, weakest.

import { make, prefersStill, setText } from '../shared/dom.js';
import { createGate } from '../shared/schedule.js';
import { formatShare } from './amounts.js';
import { headShort } from './run.js';

const CHIPS = 8; // heads of a type that are listed before the visitor asks for all
const MEASURE = '#measure'; // where a page lets its visitors measure head types, if it does
const EXAMPLES = ['strongest', 'median', 'weakest'];

/** Types of one head, [{type, found}], strongest first. */
export function typesOfHead(types, layer, unit) {
  if (!types) return [];
  return types.found.filter((found) => found.layer === layer && found.head === unit).sort((a, b) => b.strength - a.strength)
    .map((found) => ({ found, type: types.types.find((type) => type.id === found.type) })).filter(({ type }) => type);
}

/** How probable it is that chance does as well, in words. */
export function chanceWords(p) {
  if (!Number.isFinite(p)) return 'p unknown';
  return p < 0.001 ? 'p < 0.001' : `p = ${p.toFixed(3)}`;
}

/** The text behind a type's name: meaning, formula, and the rule. */
export function typeHelp(type, types) {
  return `${type.meaning}\nFormula: ${type.formula}\nStrength is (score − chance) / (1 − chance): 0 is what shuffled attention does, 1 is all of it. ${types.rule}`;
}

function strengthText(value) {
  return value.toFixed(2).replace('-', '−');
}

/** View of the card; clicking a head locks it, clicking an example asks the page for that picture. */
export function createTypeCard({ parts, getScene, dispatch, openPicture, setTerm, revealPicture }) {
  const [gate, evidenceGate] = [createGate(), createGate()];

  function chip({ layer, head, strength }) {
    return make('button', { type: 'button', class: 'pl-chip pl-headchip', 'data-layer': layer, 'data-head': head, 'aria-pressed': 'false',
      'aria-label': `Layer ${layer}, head ${head}, strength ${strengthText(strength)}` },
    make('span', { text: headShort(layer, head) }), make('span', { class: 'pl-count', text: strengthText(strength) }));
  }
  // The strongest heads, and a button for the rest where that hides more than one.
  function chipsOf(found) {
    const chips = found.map(chip);
    const rest = chips.length > CHIPS + 1 ? chips.slice(CHIPS) : [];
    if (!rest.length) return chips;
    rest.forEach((button) => (button.hidden = true));
    const more = make('button', { type: 'button', class: 'pl-chip pl-morechips', text: `show ${rest.length} more` });
    more.addEventListener('click', () => {
      rest.forEach((button) => (button.hidden = false));
      more.remove();
      rest[0].focus();
    });
    return [...chips, more];
  }
  function typeLine(type, types) {
    setTerm(`type:${type.id}`, { title: type.title, text: typeHelp(type, types) });
    const found = types.found.filter((item) => item.type === type.id).sort((a, b) => b.strength - a.strength);
    const heads = found.length ? chipsOf(found) : [make('span', { class: 'pl-muted', text: 'none found' })];
    return make('div', { class: 'pl-typeline' }, make('dt', {}, make('button', { type: 'button', class: 'pl-term', 'data-term': `type:${type.id}`, text: type.title })),
      make('dd', { class: 'pl-headchips' }, ...heads));
  }
  function build({ types }) {
    parts.typeList.replaceChildren(...types.types.map((type) => typeLine(type, types)));
    setText(parts.typeSource, `over ${types.source}`);
    setText(parts.typeRule, types.rule ?? '');
  }
  function example(types, found, place) {
    const item = found.examples?.[place];
    if (!item) return null;
    const url = types.pictures?.[item.ref];
    const picture = url ? make('img', { src: url, alt: '' }) : make('span', { class: 'pl-noimage', text: item.ref });
    const inside = [picture, make('span', { text: place }), make('span', { class: 'pl-num pl-muted', text: formatShare(item.score) })];
    if (!openPicture) return make('span', { class: 'pl-example' }, ...inside);
    const label = `Open the picture where this head is ${place}, score ${formatShare(item.score)}`;
    const button = make('button', { type: 'button', class: 'pl-example', 'aria-label': label }, ...inside);
    button.addEventListener('click', () => openPicture(item.ref));
    return button;
  }
  function evidenceOf(types, { type, found }) {
    const at = (name) => type[name]?.[found.layer]?.[found.head];
    const halves = found.halves?.length ? ` The two halves of the pictures agree: ${found.halves.map(strengthText).join(' and ')}.` : '';
    const detail = at('detail') ? ` ${at('detail')}.` : '';
    return make('div', { class: 'pl-evidence' },
      make('p', {}, make('strong', { text: type.title }), ` strength ${strengthText(found.strength)}: score ${formatShare(at('score') ?? NaN)}, by chance `
        + `${formatShare(at('chance') ?? NaN)}, ${chanceWords(at('p'))}.${detail}${halves}`),
      make('div', { class: 'pl-examples' }, ...EXAMPLES.map((place) => example(types, found, place)).filter(Boolean)));
  }
  function strengthTable(types, { layer, unit }) {
    const cell = (type, name) => type[name]?.[layer]?.[unit] ?? NaN;
    const rows = types.types.map((type) => make('tr', {}, make('th', { scope: 'row', text: type.title }),
      ...[formatShare(cell(type, 'score')), formatShare(cell(type, 'chance')), strengthText(cell(type, 'strength')), chanceWords(cell(type, 'p')).replace(/^p = /, '')]
        .map((text) => make('td', { class: 'pl-num', text }))));
    const head = ['Type', 'Score', 'Chance', 'Strength', 'p'].map((text, i) => make('th', { scope: 'col', class: i ? 'pl-num' : null, text }));
    return make('table', { class: 'pl-table' }, make('thead', {}, make('tr', {}, ...head)), make('tbody', {}, ...rows));
  }
  function renderEvidence(types, head) {
    const named = typesOfHead(types, head.layer, head.unit);
    const name = headShort(head.layer, head.unit);
    setText(parts.evidenceTitle, Number.isInteger(head.unit) ? `${name}?` : 'this? Choose one head');
    const none = Number.isInteger(head.unit) ? `${name} is none of these types by the rule; its strengths are in the table.` : 'Types are a property of single heads.';
    parts.evidence.replaceChildren(...(named.length ? named.map((item) => evidenceOf(types, item)) : [make('p', { class: 'pl-muted', text: none })]));
    parts.strengthTwin.hidden = !Number.isInteger(head.unit);
    if (Number.isInteger(head.unit)) parts.strengthTable.replaceChildren(strengthTable(types, head));
    for (const button of parts.typeList.querySelectorAll('.pl-headchip')) {
      button.setAttribute('aria-pressed', String(Number(button.dataset.layer) === head.layer && Number(button.dataset.head) === head.unit));
    }
  }
  function emptyWords({ typesProblem, typesWaiting, types, panes: [{ shape }] }) {
    if (typesProblem) return typesProblem;
    if (typesWaiting) return 'Loading…';
    if (types) return `The evidence is of a model with ${types.layers} layers × ${types.heads} heads; this one has ${shape.nLayers} × ${shape.nHeads}.`;
    return 'No evidence yet: types are told only after many pictures, because one picture can make any head look like anything. '
      + `${document.querySelector(MEASURE) ? 'Measure this model' : 'Gather evidence for this model'}, or choose one that comes with it.`;
  }
  function render() {
    const scene = getScene();
    const pane = scene?.panes[0];
    if (!pane) return;
    const { types } = scene;
    const fits = types && types.layers === pane.shape.nLayers && types.heads === pane.shape.nHeads;
    parts.typeFull.hidden = !fits;
    parts.evidenceCard.hidden = !fits;
    parts.typeEmpty.hidden = Boolean(fits);
    parts.typeMeasure.hidden = Boolean(fits || scene.typesWaiting || !document.querySelector(MEASURE));
    if (!fits) {
      gate.reset();
      setText(parts.typeSource, '');
      setText(parts.typeEmpty, emptyWords(scene));
      return;
    }
    if (gate.opens(`${scene.typesSerial}`)) {
      build(scene);
      evidenceGate.reset();
    }
    if (evidenceGate.opens(`${scene.typesSerial}|${pane.head.layer}|${pane.head.unit}`)) renderEvidence(types, pane.head);
  }
  parts.typeList.addEventListener('click', (event) => {
    const button = event.target.closest('.pl-headchip');
    if (!button) return;
    dispatch({ type: 'head', head: { layer: Number(button.dataset.layer), unit: Number(button.dataset.head) }, lock: true });
    revealPicture();
  });
  parts.typeMeasure.addEventListener('click', () => {
    const measure = document.querySelector(MEASURE);
    measure?.querySelector('button[aria-expanded="false"], button.label-wrap:not(.open)')?.click();
    measure?.scrollIntoView({ behavior: prefersStill() ? 'auto' : 'smooth', block: 'center' });
  });
  function forget() {
    gate.reset();
    evidenceGate.reset();
  }
  return { render, forget };
}
