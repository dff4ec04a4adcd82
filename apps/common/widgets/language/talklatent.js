// The page of one latent: its label and how far it holds, texts and scenes that it fires in, words it writes, others like it.

import { toClipboard } from '../shared/clipboard.js';
import { make, setText } from '../shared/dom.js';
import { formatMargin } from '../shared/format.js';
import { createGate } from '../shared/schedule.js';
import { showSegment, wireSegments } from '../shared/segments.js';
import { factsOf, latentName, timesText, typicalOf } from '../steering/columns.js';
import { heatAlphas, heatCanvas } from '../steering/heat.js';
import { labelNodes } from '../steering/latentlist.js';
import { densityWords, latentAddress, scoreWords } from '../steering/latentwords.js';
import { neighbourItem } from '../steering/neighbours.js';

const PAGES = ['texts', 'pictures', 'words', 'neighbours'];

// One text: the darker a word's ground, the more the latent is on there; the strongest is bold too.
function snippet({ words, acts, at }) {
  const most = Math.max(1e-9, ...acts);
  const pieces = words.flatMap((text, i) => {
    const made = make(i === at ? 'strong' : 'span', { class: 'pl-snippetword', text, title: acts[i] > 0 ? `activation ${acts[i]}` : null });
    if (acts[i] > 0) made.style.setProperty('--pl-share', `${Math.round(20 + 60 * (acts[i] / most))}%`);
    else made.dataset.off = 'true';
    return [made, ' '];
  });
  return make('li', {}, make('span', { class: 'pl-num pl-muted', text: acts[at].toPrecision(3) }), make('span', {}, ...pieces));
}

function sceneItem({ shape, assets, state }, { seed, picture, heat, rank, of }) {
  const values = Float32Array.from(heat, (value) => value ?? 0);
  const most = Math.max(...values);
  const frame = make('span', { class: 'pl-exemplarframe' }, make('img', { src: picture, alt: `Scene ${seed}`, loading: 'lazy' }));
  if (values.length === shape.nPatches) frame.append(heatCanvas(shape, values, most, heatAlphas(0.8)));
  const typical = typicalOf(assets.columns, state.latent);
  return make(
    'li',
    {},
    frame,
    make('span', { class: 'pl-num' }, make('strong', { text: Number.isFinite(typical) ? timesText(most / typical) : most.toPrecision(3) })),
    make('span', { class: 'pl-muted', text: rank === 0 ? `1 of ${of}, strongest` : `${rank + 1} of ${of}` }),
  );
}

function writtenItem({ word, value }, most) {
  const bar = make('span', { class: 'pl-classbar', 'data-sign': value < 0 ? 'down' : 'up' });
  bar.style.transform = `scaleX(${(Math.abs(value) / most).toFixed(3)})`;
  return make('li', { class: 'pl-written' }, bar, make('span', { class: 'pl-topname', text: word, title: word }), make('span', { class: 'pl-num', text: formatMargin(value) }));
}

/** View of the page; `look()` goes through scenes, `stop(what)` ends it. */
export function createTalkLatent({ parts, getScene, dispatch, look }) {
  const gate = createGate();
  const open = (latent) => dispatch({ type: 'latent', latent });
  wireSegments(parts.section, 'section', dispatch);
  parts.latentClose.addEventListener('click', () => open(null));
  parts.latentSteer.addEventListener('click', () => dispatch({ type: 'addChip', latent: getScene().state.latent }));
  parts.latentLook.addEventListener('click', look);
  parts.latentCopy.addEventListener('click', async () => {
    const { latent, run, state } = getScene();
    const address = latentAddress(latent, run, state.latent, location.href);
    setText(parts.latentCopied, (await toClipboard(address)) ? 'Address copied' : address);
  });

  function fillHead({ state, assets, run, painter }, told) {
    const facts = { ...factsOf(assets.columns, state.latent), ...(told?.label ? { label: told.label, f1: told.f1 ?? null } : {}) };
    setText(parts.latentTitle, latentName(state.latent));
    parts.latentLabel.replaceChildren(...labelNodes({ painter }, facts));
    setText(parts.latentScores, facts.label ? scoreWords(facts, run.sae.labels_from) : 'Nothing that it was tried on fits where it is on.');
    const [{ tokens = null, images = null } = {}, typical] = [told?.density ?? {}, told?.typical];
    setText(parts.latentDensity, densityWords(facts, { density: { tokens, images: null }, typical, largest: told?.largest ?? null }, told?.from));
    setText(parts.latentImages, images === null ? '' : `On somewhere in ${Math.round(100 * images)} % of ${told.scenes?.n ?? ''} scenes, though it never saw one in training.`);
    const isIn = state.chips.some(({ latent }) => latent === state.latent);
    parts.latentSteer.disabled = isIn;
    setText(parts.latentSteer, isIn ? 'Turned, see above' : 'Turn it down');
    setText(parts.latentCopied, '');
  }
  function fillPages(scene, told) {
    const { state } = scene;
    showSegment(parts.section, state.section);
    for (const page of PAGES) parts[`${page}Page`].hidden = told === null || page !== state.section;
    parts.latentBusy.hidden = told !== null;
    if (!told) return;
    parts.texts.replaceChildren(...told.texts.rows.map(snippet));
    setText(parts.textsWords, told.texts.rows.length ? `Where it is most on in ${told.texts.from}, one place of each text; left, its activation there.` : told.texts.from);
    const scenes = told.scenes;
    parts.scenes.replaceChildren(...(scenes?.rows ?? []).map((one) => sceneItem(scene, one)));
    setText(
      parts.scenesWords,
      scenes ? (scenes.rows.length ? `From ${scenes.n} scenes, from the strongest to the weakest in even steps.` : `On in none of ${scenes.n} scenes.`) : 'No scenes were looked at yet.',
    );
    parts.latentLook.hidden = Boolean(scenes) || Boolean(told.progress);
    setText(parts.latentProgress, told.progress ?? '');
    for (const side of ['top', 'bottom']) {
      const most = Math.max(1e-9, ...[...told.words.top, ...told.words.bottom].map(({ value }) => Math.abs(value)));
      parts[`${side}Words`].replaceChildren(...told.words[side].map((one) => writtenItem(one, most)));
    }
    parts.neighbours.replaceChildren(...told.neighbours.map((one) => neighbourItem(scene, one, open)));
  }
  function render() {
    const scene = getScene();
    if (!scene) return;
    const { state, latent, versions } = scene;
    const isEmpty = state.latent === null;
    parts.latentCard.dataset.empty = String(isEmpty);
    parts.latentBody.hidden = isEmpty;
    parts.latentEmpty.hidden = !isEmpty;
    if (isEmpty) return;
    const told = latent?.index === state.latent ? latent : null;
    parts.latentCard.setAttribute('aria-busy', String(!told));
    const isIn = state.chips.some((chip) => chip.latent === state.latent);
    if (!gate.opens([versions.run, versions.latent, versions.columns, state.latent, state.section, isIn, Boolean(told), scene.fontReady].join('|'))) return;
    fillHead(scene, told);
    fillPages(scene, told);
  }
  return { render, forget: gate.reset };
}
