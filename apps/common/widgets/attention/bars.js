// What the colours mean, with units: one bar for the matrix, and one for each ink on the picture.

import { setText } from '../shared/dom.js';
import { gradientOf, inkGradient, READ_BY, READS } from '../shared/hues.js';
import { createGate } from '../shared/schedule.js';
import { endUnit, formatEnd } from './amounts.js';
import { mapOf } from './hues.js';
import { colorRange } from './unit.js';

/** Ends and unit of the matrix's colour bar, {low, high, unit}. */
export function barText(kind, byRow, unit) {
  const [low, high] = colorRange(kind, unit.low, unit.high);
  const name = endUnit(kind);
  if (!byRow) return { low: formatEnd(kind, low), high: formatEnd(kind, high), unit: name };
  const isFixed = kind === 'pattern' || kind === 'value';
  if (kind === 'rank') return { low: '− row’s most', high: '+ row’s most', unit: `${name}, up to ±${formatEnd(kind, high).replace('+', '')}` };
  return { low: isFixed ? formatEnd(kind, 0) : 'row’s least', high: 'row’s most', unit: `${name}, ${formatEnd(kind, low)} to ${formatEnd(kind, high)}` };
}

/** View of the colour bars. */
export function createBars({ parts, getScene }) {
  const gate = createGate();
  parts.readsRamp.style.background = inkGradient(READS);
  parts.readByRamp.style.background = inkGradient(READ_BY);

  function renderMatrixBar({ state }, pane) {
    const text = pane.unit && barText(pane.kind, state.norm === 'row', pane.common ?? pane.unit);
    parts.matrixRamp.style.background = gradientOf(mapOf(pane.kind));
    setText(parts.matrixLow, text?.low ?? '');
    setText(parts.matrixHigh, text?.high ?? '');
    setText(parts.matrixUnit, text?.unit ?? '');
    parts.barHelp.dataset.term = parts.kindHelp.dataset.term = pane.kind.replace('log_', '');
    parts.hiddenKey.hidden = !pane.unit?.hidden;
  }
  function renderInk(line, ends, side, kind, isShown) {
    line.hidden = !isShown;
    if (!side) return setText(ends, '');
    const [low, high] = side.range;
    const span = kind === 'rank' ? `up to ±${formatEnd(kind, high).replace('+', '')}` : `${formatEnd(kind, low)} to ${formatEnd(kind, high)}`;
    return setText(ends, side.isBeyond ? `${span}; itself more` : span);
  }
  function render() {
    const scene = getScene();
    const pane = scene?.panes[0];
    if (!pane) return;
    const { state } = scene;
    const key = [scene.serial, pane.unitKey, Boolean(pane.unit), pane.reading?.token, state.norm, state.paint];
    if (!gate.opens(key.join())) return;
    renderMatrixBar(scene, pane);
    renderInk(parts.readsLine, parts.readsEnds, pane.reading?.reads, pane.kind, state.paint !== 'to' && state.paint !== 'lens');
    renderInk(parts.readByLine, parts.readByEnds, pane.reading?.readBy, pane.kind, state.paint !== 'from' && state.paint !== 'lens');
    const signed = pane.kind === 'rank';
    parts.commonNote.hidden = !pane.common;
    setText(parts.readsName, signed && state.paint === 'both' ? 'reads: whole patch' : 'reads');
    setText(parts.readByName, signed && state.paint === 'both' ? 'is read by: disc' : 'is read by');
    parts.readsRamp.style.background = signed ? gradientOf(mapOf('rank')) : inkGradient(READS);
    parts.readByRamp.style.background = signed ? gradientOf(mapOf('rank')) : inkGradient(READ_BY);
    parts.lensLine.hidden = state.paint !== 'lens';
    setText(parts.lensWords, pane.lensWords ?? '');
  }
  return { render, forget: gate.reset };
}
