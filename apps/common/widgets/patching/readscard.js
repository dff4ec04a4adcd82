// What one head reads from CLS, painted on both pictures: its attention, or what it adds to the answer by each patch.

import { drawPrefixBox, drawTag, growRect, paintBackdrop, paintFaded, snapRect, strokeCell } from '../shared/canvas.js';
import { fitCanvas, make, pointerIn, setEmojiText, setText } from '../shared/dom.js';
import { layoutStage, MOVE_KEYS, moveToken, tokenAt, tokenName, tokenRect } from '../shared/geometry.js';
import { ABOVE, BELOW, inkCss, READS } from '../shared/hues.js';
import { arrangePills, drawPill, pillWidth } from '../shared/pills.js';
import { createGate } from '../shared/schedule.js';
import { showSegment, wireSegments } from '../shared/segments.js';
import { SIDES } from './evolutiondata.js';
import { readRange, readsSentence, readText, strongestReads, whoReads } from './readsdata.js';
import { answerWords, readerWords } from './words.js';

const PICTURE_MOST = 360;
const NUMBERS = 3;
const STRONGEST = 0.85; // opacity
const LEAST_OUTLINE = 14; // CSS pixels
const PILL_FILL = { attention: '#0b47b8' };

function inkOf(paint, value) {
  if (paint === 'attention') return READS;
  return value < 0 ? BELOW : ABOVE;
}

/** View of the card; `askReads({layer, head})` asks for another head. */
export function createReadsCard({ parts, getScene, dispatch, widthOf, askReads }) {
  const [wordsGate, pictureGate] = [createGate(), createGate()];
  const canvases = Object.fromEntries(SIDES.map((side) => {
    const canvas = make('canvas', { tabindex: '0', role: 'application', 'aria-roledescription': 'patch grid' });
    parts[`${side}Reads`].append(canvas);
    return [side, canvas];
  }));
  let [layout, hover] = [null, null];
  wireSegments(parts.paint, 'paint', dispatch);
  const chosen = () => ({ layer: Number(parts.readsLayer.value), head: Number(parts.readsHead.value) });
  for (const select of [parts.readsLayer, parts.readsHead]) select.addEventListener('change', () => askReads(chosen()));

  function drawValues(context, { shape, state, theme }, values, range) {
    values.forEach((value, token) => {
      if (token < shape.nPrefix) drawPrefixBox(context, theme, layout.prefix[token], shape.prefixNames[token] ?? '');
      const whole = tokenRect(layout, token);
      const rect = snapRect(token < shape.nPrefix ? { x: whole.x + 1, y: whole.y + 17, width: whole.width - 2, height: whole.height - 18 } : whole);
      context.fillStyle = inkCss(inkOf(state.paint, value), STRONGEST * Math.min(1, Math.abs(value ?? 0) / range));
      context.fillRect(rect.x, rect.y, rect.width, rect.height);
    });
  }
  function drawNumbers(context, { shape, state, theme }, values) {
    const strongest = strongestReads(values, NUMBERS).filter(({ token }) => token >= shape.nPrefix);
    const prefix = Array.from({ length: shape.nPrefix }, (_, token) => ({ token, value: values[token] }));
    const pills = [...(hover === null ? strongest : []), ...prefix].map(({ token, value }) => {
      const rect = tokenRect(layout, token);
      const text = readText(state.paint, value);
      return { text, fill: PILL_FILL[state.paint] ?? inkCss(inkOf(state.paint, value)), width: pillWidth(context, theme, text), x: rect.x + rect.width / 2,
        y: token < shape.nPrefix ? rect.y + 30 : rect.y + rect.height / 2 };
    });
    for (const pill of arrangePills(pills, layout)) drawPill(context, theme, pill);
  }
  function drawSide(scene, side, range) {
    const { run, images, reads, state, theme } = scene;
    const values = reads[side][state.paint];
    const context = fitCanvas(canvases[side], layout.width, layout.height);
    context.clearRect(0, 0, layout.width, layout.height);
    const picture = layout.pictures[0];
    const faded = images[side] && paintFaded(paintBackdrop(images[side], picture, false), theme);
    if (faded) context.drawImage(faded, picture.x, picture.y, picture.width, picture.height);
    drawValues(context, scene, values, range);
    drawNumbers(context, scene, values);
    if (hover !== null) {
      strokeCell(context, growRect(tokenRect(layout, hover), LEAST_OUTLINE), false);
      drawTag(context, { layout, theme }, tokenRect(layout, hover), `${tokenName(scene.shape, hover)}: ${readText(state.paint, values[hover])}`);
    }
    canvases[side].setAttribute('aria-label', `${run[side].title}: ${readsSentence(scene.shape, state.paint, values)} Arrow keys move from patch to patch.`);
  }
  function draw(scene) {
    const { run, shape, reads, state } = scene;
    const width = Math.min(PICTURE_MOST, widthOf(parts.cleanReads));
    layout = layoutStage({ ...shape, width, image: run.image });
    const range = readRange(SIDES.map((side) => reads[side][state.paint]), shape.nPrefix);
    for (const side of SIDES) drawSide(scene, side, range);
  }
  function fillWords({ run, shape, reads, state }) {
    const options = (count, name) => Array.from({ length: count }, (_, i) => make('option', { value: i, text: `${name} ${i}` }));
    parts.readsLayer.replaceChildren(...options(shape.nLayers, 'Layer'));
    parts.readsHead.replaceChildren(...options(shape.nHeads, 'Head'));
    const head = state.reads ?? reads;
    parts.readsLayer.value = String(head?.layer ?? shape.nLayers - 1);
    parts.readsHead.value = String(head?.head ?? 0);
    parts.readsPictures.hidden = !reads;
    setText(parts.readsTitle, reads ? readerWords(reads) : 'No head yet');
    setEmojiText(parts.readsKey, state.paint === 'attention' ? `Blue: the share of attention that ${whoReads(shape).replace(/^The/, 'the')} gives to each patch; both pictures on one scale.`
      : `Green: speaks for ${answerWords(run.a)}; purple: for ${answerWords(run.b)}; logits, both pictures on one scale.`);
    if (!reads) return;
    for (const side of SIDES) {
      setText(parts[`${side}ReadsTitle`], `${side === 'clean' ? 'Clean' : 'Corrupt'}: ${run[side].title}`);
      setText(parts[`${side}ReadsWords`], readsSentence(shape, state.paint, reads[side][state.paint]));
    }
  }
  function render() {
    const scene = getScene();
    if (!scene) return;
    const { state, versions, reads } = scene;
    showSegment(parts.paint, state.paint);
    const wanted = state.reads && reads && (state.reads.layer !== reads.layer || state.reads.head !== reads.head);
    parts.readsCard.dataset.busy = String(Boolean(wanted || (state.reads && !reads)));
    if (wordsGate.opens([versions.run, versions.reads, state.paint, JSON.stringify(state.reads)].join())) fillWords(scene);
    const width = widthOf(parts.cleanReads);
    if (!reads || !width) return;
    const look = [versions.run, versions.reads, versions.images, scene.themeSerial, width, devicePixelRatio, state.paint, hover];
    if (pictureGate.opens(look.join())) draw(scene);
  }
  function point(token) {
    if (token === hover) return;
    hover = token;
    render();
  }
  for (const canvas of Object.values(canvases)) {
    const tokenOf = (event) => {
      const { x, y } = pointerIn(canvas, event);
      return layout && tokenAt(layout, x, y);
    };
    canvas.addEventListener('pointermove', (event) => event.pointerType !== 'touch' && point(tokenOf(event)));
    canvas.addEventListener('pointerleave', () => point(null));
    canvas.addEventListener('click', (event) => point(tokenOf(event)));
    canvas.addEventListener('keydown', (event) => {
      if (!MOVE_KEYS.includes(event.key) || event.ctrlKey || event.metaKey || event.altKey || !getScene()) return;
      event.preventDefault();
      const { shape, reads, state } = getScene();
      point(moveToken(shape, hover, event.key));
      const told = (side) => `${side} ${readText(state.paint, reads[side][state.paint][hover])}`;
      if (reads) setText(parts.spoken, `${tokenName(shape, hover)}: ${SIDES.map(told).join(', ')}`);
    });
  }
  function forget() {
    wordsGate.reset();
    pictureGate.reset();
  }
  return { render, forget };
}
