// What the map is of, how it is shown, and how far the exact numbers have come.

import { make, passFocus, setText } from '../shared/dom.js';
import { createGate } from '../shared/schedule.js';
import { showSegment, wireSegments } from '../shared/segments.js';
import { selectorName } from './places.js';
import { axesOf, countConflicts, DISAGREE_RULE } from './sweepdata.js';

const SHOWS = ['denoise', 'noise', 'both', 'preview'];
const ESTIMATE_ONLY = 'Only the estimate so far. ';

/** The tokens that a map without token axis can be of, [{value, text}]; `chosen` is a patch that was picked elsewhere. */
export function tokenChoices(shape, chosen, current) {
  const values = [...(shape.tokens ?? [...(shape.nPrefix ? ['cls'] : []), 'all', 'patches'])];
  for (const token of shape.tokens ? [] : [chosen, current]) {
    if (Number.isInteger(token) && token > 0 && !values.includes(token)) values.push(token);
  }
  const name = (value) => `${Number.isInteger(value) && value >= shape.nPrefix ? 'the patch in ' : ''}${selectorName(shape, value)}`;
  return values.map((value) => ({ value: String(value), text: `at ${name(value)}` }));
}

/** How the exact numbers stand, in words. */
export function progressWords(sweep, isWanted) {
  if (!sweep || !isWanted) return 'Waiting for the estimate…';
  const cost = Number.isFinite(sweep.n_passes) ? `as much work as ${formatRuns(sweep.n_passes)} of the model` : '';
  const good = Number.isFinite(sweep.correlation) ? `; the estimate agreed with a correlation of ${sweep.correlation.toFixed(2)}` : '';
  const count = `${sweep.done.toLocaleString('en')} of ${sweep.total.toLocaleString('en')} experiments`;
  switch (sweep.state) {
    case 'running': return `Exact numbers replace the hatched estimate: ${count}.`;
    case 'stopped': return `Stopped after ${count}; hatched cells are estimates.`;
    case 'done': return sweep.note ? `${sweep.note.charAt(0).toUpperCase()}${sweep.note.slice(1)}. They cost ${cost}.` : `Exact: ${sweep.total.toLocaleString('en')} experiments for ${cost}${good}.`;
    default: return `${ESTIMATE_ONLY}It cost ${cost}.`;
  }
}

function formatRuns(passes) {
  const count = passes < 9.95 ? passes.toFixed(1).replace(/\.0$/, '') : String(Math.round(passes));
  return `${count} run${count === '1' ? '' : 's'}`;
}

/** View of the map's controls; `run` asks for the exact sweep, `cancel` stops it. */
export function createSweepControls({ parts, getScene, dispatch, askSweep, cancel }) {
  const [choicesGate, progressGate] = [createGate(), createGate()];
  for (const type of ['show', 'scale']) wireSegments(parts[type], type, dispatch);
  wireSegments(parts.by, 'by', dispatch);
  parts.site.addEventListener('change', () => dispatch({ type: 'site', value: parts.site.value }));
  parts.layer.addEventListener('change', () => dispatch({ type: 'layer', value: Number(parts.layer.value) }));
  parts.token.addEventListener('change', () => {
    const { value } = parts.token;
    dispatch({ type: 'token', value: /^\d+$/.test(value) ? Number(value) : value });
  });
  parts.runSweep.addEventListener('click', askSweep);
  parts.cancelSweep.addEventListener('click', () => cancel('sweep'));

  const fill = (select, options, value) => {
    select.replaceChildren(...options.map(({ value: each, text }) => make('option', { value: each, text })));
    select.value = value;
  };
  function fillChoices({ state, shape, terms }) {
    fill(parts.site, shape.sites.map(({ id, title }) => ({ value: id, text: title })), state.site);
    const site = shape.sites.find(({ id }) => id === state.site);
    setText(parts.siteMeaning, site?.meaning ?? '');
    terms.siteNow = { title: site?.title ?? '', text: site?.meaning ?? '' };
    const maps = (site?.by ?? []).map((axes) => axes.join());
    for (const radio of parts.by.querySelectorAll('input')) radio.parentElement.hidden = !maps.includes(radio.value);
    showSegment(parts.by, state.by);
    const axes = axesOf(state.by);
    parts.tokenBox.hidden = axes.includes('token');
    fill(parts.token, tokenChoices(shape, state.evolutionToken, state.token), String(state.token));
    parts.layerBox.hidden = axes.includes('layer');
    fill(parts.layer, Array.from({ length: shape.nLayers }, (_, i) => ({ value: String(i), text: `Layer ${i}` })), String(state.layer));
    showSegment(parts.show, state.show);
    showSegment(parts.scale, state.scale);
    parts.panels.dataset.show = state.show;
    for (const show of SHOWS) if (parts[`${show}Panel`]) parts[`${show}Panel`].hidden = !(state.show === show || (state.show === 'both' && show !== 'preview'));
  }
  function fillProgress({ data, sweep, isWanted }) {
    const isRunning = isWanted && sweep?.state === 'running';
    setText(parts.progressWords, progressWords(sweep, isWanted));
    parts.progress.hidden = !isRunning;
    const share = sweep?.total ? sweep.done / sweep.total : 0;
    parts.progressBar.style.transform = `scaleX(${share.toFixed(4)})`;
    parts.progress.setAttribute('aria-valuenow', String(Math.round(100 * share)));
    if (!isRunning) passFocus(parts.cancelSweep, parts.site);
    parts.cancelSweep.hidden = !isRunning;
    parts.runSweep.hidden = isRunning || (isWanted && sweep?.state === 'done') || !sweep;
    setText(parts.runSweep, sweep?.state === 'stopped' ? 'Run it again' : 'Run the exact sweep');
    parts.panels.dataset.busy = String(!isWanted);
    const conflicts = data ? countConflicts(data) : 0;
    setText(parts.conflicts, `they disagree${conflicts ? ` (${conflicts} cell${conflicts === 1 ? '' : 's'})` : ''}: ${DISAGREE_RULE}`);
  }
  function render() {
    const scene = getScene();
    if (!scene) return;
    const { state, versions } = scene;
    const chosen = [state.site, state.by, state.layer, state.token, state.show, state.scale, state.evolutionToken];
    if (choicesGate.opens([versions.run, ...chosen].join())) fillChoices(scene);
    if (progressGate.opens([versions.run, versions.sweep, scene.isWanted].join())) fillProgress(scene);
  }
  function forget() {
    choicesGate.reset();
    progressGate.reset();
  }
  return { render, forget };
}
