// Which latents are on at which token: rows are latents, columns the patches of the picture and then the words.

import { drawTag } from '../shared/canvas.js';
import { mapGradient } from '../shared/color.js';
import { fitCanvas, make, pointerIn, setText } from '../shared/dom.js';
import { createGate } from '../shared/schedule.js';
import { sortable } from '../shared/sorttable.js';
import { heatOf } from '../steering/acts.js';
import { factsOf, labelWords, latentName, timesText, typicalOf } from '../steering/columns.js';
import { heatColor } from '../steering/heat.js';
import { labelNodes } from '../steering/latentlist.js';
import { rowsOnHere } from './onhere.js';
import { talkTokenName } from './texttokens.js';

const HEAT_ROWS = 12;
const ROW_HEIGHT = 30;
const HEAD_HEIGHT = 66;
const BAND_GAP = 6;
const WORD_LEAST = 9; // CSS pixels of a column whose word can be read
const HEAT_KEYS = { ArrowLeft: [0, -1], ArrowRight: [0, 1], ArrowUp: [-1, 0], ArrowDown: [1, 0], Home: [0, -Infinity], End: [0, Infinity] };

/** The latents that are shown: those that are turned, the open one, then the most active of what is selected. */
export function heatRows(scene, n = HEAT_ROWS) {
  const { state, assets } = scene;
  const chosen = [...state.chips.map(({ latent }) => latent), ...(state.latent === null ? [] : [state.latent])];
  const active = rowsOnHere(scene).map(({ latent }) => latent);
  return [...new Set([...chosen, ...active])].slice(0, n).map((latent) => {
    const typical = typicalOf(assets.columns, latent);
    const heat = heatOf(assets.all, latent);
    return { latent, heat: Number.isFinite(typical) ? heat.map((value) => value / typical) : heat, isInUnits: Number.isFinite(typical) };
  });
}

/** Where columns lie: {x, width} of each token within a width; the patches share the first band, the words the second. */
export function heatLayout(nPatches, nTexts, width) {
  const wanted = Math.min(0.55 * width, 3 * nPatches);
  const word = nTexts ? Math.min(26, (width - wanted - BAND_GAP) / nTexts) : 0;
  const patch = wanted / Math.max(1, nPatches);
  const first = nPatches * patch + BAND_GAP;
  return {
    patch,
    word,
    total: first + nTexts * word,
    columnOf: (token) => (token < nPatches ? { x: token * patch, width: patch } : { x: first + (token - nPatches) * word, width: word }),
    tokenAt: (x) => {
      if (x < nPatches * patch) return Math.max(0, Math.min(nPatches - 1, Math.floor(x / patch)));
      const token = nPatches + Math.floor((x - first) / word);
      return x >= first && token < nPatches + nTexts ? token : null;
    },
  };
}

/** View of the map, with its table. */
export function createTokenHeat({ parts, getScene, dispatch, widthOf, speak }) {
  const base = make('canvas', { class: 'pl-base', 'aria-hidden': 'true' });
  const over = make('canvas', {
    class: 'pl-over',
    tabindex: '0',
    role: 'application',
    'aria-roledescription': 'map of latents by tokens',
    'aria-label': 'Latents by tokens. Arrow keys move, Enter opens the latent of the row and selects the token of the column.',
  });
  parts.heatCanvas.append(make('div', { class: 'pl-canvases' }, base, over));
  const [below, above, tableGate] = [createGate(), createGate(), createGate()];
  let [rows, layout, cell, isKeyed] = [[], null, null, false];
  let kept = null; // the latent of a row that was pressed: the cursor stays with it when the rows change
  parts.heatTwin.addEventListener('toggle', render);
  parts.mapRamp.style.background = mapGradient();

  const most = () => Math.max(1e-9, ...rows.flatMap(({ heat }) => [heat.reduce((a, b) => Math.max(a, b), 0)]));
  const heightOf = () => HEAD_HEIGHT + rows.length * ROW_HEIGHT;
  function drawWords(context, { theme, texts, shape }) {
    context.fillStyle = theme.muted;
    context.font = `600 11.5px ${theme.font}`;
    context.textBaseline = 'alphabetic';
    context.textAlign = 'left';
    context.fillText(layout.patch * shape.nPatches > 130 ? `the ${shape.nPatches} patches of the picture` : 'picture', 0, HEAD_HEIGHT - 8);
    if (layout.word < WORD_LEAST) return;
    context.font = `${Math.min(12, layout.word + 2)}px ${theme.font}`;
    texts.forEach(({ text, kind }, i) => {
      const { x, width } = layout.columnOf(shape.nPatches + i);
      context.save();
      context.translate(x + width / 2 + 3, HEAD_HEIGHT - 6);
      context.rotate(-Math.PI / 3);
      context.fillStyle = kind === 'generated' ? theme.fg : theme.muted;
      context.fillText(text.slice(0, 12), 0, 0);
      context.restore();
    });
  }
  function drawBase(scene) {
    const { shape, theme } = scene;
    const context = fitCanvas(base, layout.total, heightOf());
    context.clearRect(0, 0, layout.total, heightOf());
    drawWords(context, scene);
    const largest = most();
    rows.forEach(({ heat }, row) => {
      const y = HEAD_HEIGHT + row * ROW_HEIGHT;
      context.fillStyle = heatColor(0, 1);
      const end = layout.columnOf(shape.nPatches - 1);
      context.fillRect(0, y, end.x + end.width, ROW_HEIGHT - 2);
      context.fillRect(end.x + end.width + BAND_GAP, y, layout.total - end.x - end.width - BAND_GAP, ROW_HEIGHT - 2);
      heat.forEach((value, token) => {
        if (!(value > 0)) return;
        const { x, width } = layout.columnOf(token);
        context.fillStyle = heatColor(value, largest);
        context.fillRect(x, y, Math.max(1, width - (width > 6 ? 1 : 0)), ROW_HEIGHT - 2);
      });
    });
    context.strokeStyle = theme.line;
    drawBegin(context, scene);
  }
  // Where what was given ends and what was said begins.
  function drawBegin(context, { texts, shape }) {
    const first = texts.findIndex(({ kind }) => kind === 'generated');
    if (first < 0) return;
    const { x } = layout.columnOf(shape.nPatches + first);
    context.beginPath();
    context.moveTo(Math.round(x) - 0.5, HEAD_HEIGHT - 4);
    context.lineTo(Math.round(x) - 0.5, heightOf());
    context.stroke();
  }
  const tagOf = (scene, { row, token }) => {
    const { latent, heat, isInUnits } = rows[row];
    const value = heat[token] ?? 0;
    const amount = value > 0 ? (isInUnits ? `${timesText(value)} typical` : value.toPrecision(3)) : 'off';
    return `${latentName(latent)} at ${talkTokenName(scene, token)}: ${amount}`;
  };
  function drawMarks(scene) {
    const context = fitCanvas(over, layout.total, heightOf());
    context.clearRect(0, 0, layout.total, heightOf());
    for (const token of scene.state.tokens) {
      if (token >= scene.shape.nTokens) continue;
      const { x, width } = layout.columnOf(token);
      context.fillStyle = scene.theme.accent;
      context.fillRect(x, HEAD_HEIGHT - 4, Math.max(2, width - 1), 3);
    }
    if (!cell || !rows[cell.row]) return;
    const { x, width } = layout.columnOf(cell.token);
    const rect = { x: x - 1.5, y: HEAD_HEIGHT + cell.row * ROW_HEIGHT - 1.5, width: Math.max(7, width + 2), height: ROW_HEIGHT + 1 };
    context.lineWidth = 2;
    context.strokeStyle = '#000000';
    context.strokeRect(rect.x - 1, rect.y - 1, rect.width + 2, rect.height + 2);
    context.strokeStyle = '#ffffff';
    context.strokeRect(rect.x, rect.y, rect.width, rect.height);
    drawTag(context, { layout: { width: layout.total, height: heightOf(), grid: { y: 0 } }, theme: scene.theme }, rect, tagOf(scene, cell));
  }
  function fillNames(scene) {
    parts.heatNames.replaceChildren(
      ...rows.map(({ latent }) =>
        make(
          'li',
          {},
          make(
            'button',
            { type: 'button', class: 'pl-heatname', 'aria-pressed': String(scene.state.latent === latent), onclick: () => dispatch({ type: 'latent', latent }) },
            make('span', { class: 'pl-latentlabel' }, ...(factsOf(scene.assets.columns, latent).label ? labelNodes(scene, factsOf(scene.assets.columns, latent)) : [latentName(latent)])),
          ),
        ),
      ),
    );
  }
  function fillTable(scene) {
    const { shape, texts, assets } = scene;
    const positions = Float64Array.from(rows, (_, i) => i);
    const peak = (heat) => heat.subarray(0, shape.nPatches).reduce((a, b) => Math.max(a, b), 0);
    const show = (value) => (value > 0 ? value.toPrecision(3) : '0');
    const columns = [
      { id: 'latent', title: 'Latent', values: positions, isName: true, show: (i) => `${latentName(rows[i].latent)}: ${labelWords(factsOf(assets.columns, rows[i].latent))}` },
      { id: 'picture', title: 'Most at a patch', values: Float64Array.from(rows, ({ heat }) => peak(heat)), show },
      ...texts.map(({ text }, i) => ({ id: `t${i}`, title: text || '·', values: Float64Array.from(rows, ({ heat }) => heat[shape.nPatches + i] ?? 0), show })),
    ];
    sortable(parts.heatTable, { columns, caption: 'Activations, in units of what is typical for each latent where that is known.', initial: 'picture' });
  }
  function render() {
    const scene = getScene();
    const width = widthOf(parts.heatCanvas);
    if (!scene?.assets.all || !width) return;
    const { versions, state, shape, texts, themeSerial } = scene;
    if (scene.assets.all.nTokens !== shape.nTokens) return;
    const of = [versions.run, versions.heard, versions.acts, versions.columns, state.tokens, state.latent, state.chips.map(({ latent }) => latent), scene.fontReady].join('|');
    const look = [width, devicePixelRatio, themeSerial].join();
    if (below.opens(`${of}|${look}`)) {
      rows = heatRows(scene);
      if (cell && kept !== null) cell = { ...cell, row: Math.max(0, rows.findIndex(({ latent }) => latent === kept)) };
      kept = null;
      layout = heatLayout(shape.nPatches, texts.length, width);
      drawBase(scene);
      fillNames(scene);
      setText(parts.heatMost, `${most().toFixed(1)}× typical`);
    }
    if (above.opens(`${of}|${look}|${cell?.row},${cell?.token}|${isKeyed}`)) drawMarks(scene);
    if (parts.heatTwin.open && tableGate.opens(of)) fillTable(scene);
  }
  const cellAt = (event) => {
    const { x, y } = pointerIn(over, event);
    const [row, token] = [Math.floor((y - HEAD_HEIGHT) / ROW_HEIGHT), layout?.tokenAt(x) ?? null];
    return rows[row] && token !== null ? { row, token } : null;
  };
  const point = (next) => {
    cell = next;
    render();
  };
  function press() {
    if (!cell || !rows[cell.row]) return;
    kept = rows[cell.row].latent;
    dispatch({ type: 'latent', latent: kept });
    dispatch({ type: 'paint', pen: 'select', tokens: [cell.token], mode: 'replace' });
  }
  over.addEventListener('pointermove', (event) => event.pointerType !== 'touch' && point(cellAt(event)));
  over.addEventListener('pointerleave', (event) => event.pointerType !== 'touch' && !isKeyed && point(null));
  over.addEventListener('click', (event) => {
    cell = cellAt(event);
    press();
    render();
  });
  over.addEventListener('blur', () => {
    isKeyed = false;
    point(null);
  });
  over.addEventListener('keydown', (event) => {
    if (event.ctrlKey || event.metaKey || event.altKey || !rows.length) return;
    const scene = getScene();
    const step = HEAT_KEYS[event.key];
    isKeyed = true;
    if (step) {
      const [row, token] = cell ? [cell.row + step[0], cell.token + step[1]] : [0, scene.shape.nPatches];
      point({ row: Math.max(0, Math.min(rows.length - 1, row)), token: Math.max(0, Math.min(scene.shape.nTokens - 1, token)) });
      speak(`${tagOf(scene, cell)}.`);
    } else if (event.key === 'Enter' || event.key === ' ') {
      press();
      if (cell) speak(`${tagOf(scene, cell)}, opened.`);
    }
    else return;
    event.preventDefault();
  });
  function forget() {
    for (const gate of [below, above, tableGate]) gate.reset();
  }
  return { render, forget };
}
