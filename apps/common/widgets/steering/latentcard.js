// The page of one latent: what it is called, how rare it is, its address, and four tabs of what is known of it.

import { toClipboard } from '../shared/clipboard.js';
import { setText } from '../shared/dom.js';
import { createGate } from '../shared/schedule.js';
import { showSegment, wireSegments } from '../shared/segments.js';
import { factsOf, latentName } from './columns.js';
import { labelNodes } from './latentlist.js';
import { fillClasses, fillHistogramWords, fillNeighbours, fillPictures, showHistogram } from './latenttabs.js';
import { densityWords, latentAddress, scoreWords } from './latentwords.js';

const TABS = ['exemplars', 'histogram', 'classes', 'neighbours'];

/** View of the page; `profile(index)` looks for pictures, `cancel(what)` stops that. */
export function createLatentCard({ parts, getScene, dispatch, widthOf, profile, cancel }) {
  const [gate, chartGate] = [createGate(), createGate()];
  const open = (latent) => dispatch({ type: 'latent', latent });
  wireSegments(parts.section, 'section', dispatch);
  parts.marks.addEventListener('change', () => dispatch({ type: 'marks', value: parts.marks.checked }));
  parts.latentClose.addEventListener('click', () => open(null));
  parts.latentSteer.addEventListener('click', () => dispatch({ type: 'addChip', latent: getScene().state.latent }));
  parts.latentProfile.addEventListener('click', () => profile(getScene().state.latent));
  parts.latentCancel.addEventListener('click', () => cancel('profile'));
  parts.latentCopy.addEventListener('click', async () => {
    const { latent, run, state } = getScene();
    const address = latentAddress(latent, run, state.latent, location.href);
    setText(parts.latentCopied, (await toClipboard(address)) ? 'Address copied' : address);
  });

  function fillHead({ state, assets, run, painter }, told) {
    const facts = { ...factsOf(assets.columns, state.latent), ...(told?.label ? { label: told.label, f1: told.f1 ?? null } : {}) };
    setText(parts.latentTitle, latentName(state.latent));
    parts.latentLabel.replaceChildren(...labelNodes({ painter }, facts));
    setText(parts.latentScores, scoreWords(facts, run.sae.labels_from));
    setText(parts.latentDensity, densityWords(facts, told, told?.from));
    const isIn = state.chips.some(({ latent }) => latent === state.latent);
    parts.latentSteer.disabled = isIn;
    setText(parts.latentSteer, isIn ? 'In the rack below' : 'Steer it');
    setText(parts.latentCopied, '');
  }
  function fillTabs(scene, told) {
    showSegment(parts.section, scene.state.section);
    for (const tab of TABS) parts[`${tab}Tab`].hidden = told === null || tab !== scene.state.section;
    parts.latentBusy.hidden = told !== null;
    fillPictures(parts, scene, told);
    fillHistogramWords(parts, told);
    fillClasses(parts, scene, told);
    fillNeighbours(parts, scene, told, open);
  }
  function drawChart(scene, told) {
    const { state, versions, themeSerial } = scene;
    const width = widthOf(parts.histogramTab);
    if (!told?.histogram || state.section !== 'histogram' || !width) return;
    const key = [versions.latent, versions.acts, state.latent, width, devicePixelRatio, themeSerial];
    if (chartGate.opens(key.join())) showHistogram(parts, scene, told, width);
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
    const key = [versions.run, versions.latent, versions.columns, state.latent, state.section, state.marks, isIn, Boolean(told), scene.fontReady];
    if (gate.opens(key.join('|'))) {
      fillHead(scene, told);
      fillTabs(scene, told);
    }
    drawChart(scene, told);
  }
  function forget() {
    gate.reset();
    chartGate.reset();
  }
  return { render, forget };
}
