// Who writes the answer directly: bars along the depth of the model, the weightiest heads, and a badge that says whether it all adds up.

import { fitCanvas, make, pointerIn, setEmojiText, setText } from '../shared/dom.js';
import { formatMargin } from '../shared/format.js';
import { createGate } from '../shared/schedule.js';
import { niceTicks } from '../shared/ticks.js';
import { attributionBars, barRange, closureWords, hasClosed, sublayerWords, mostDifferentHeads } from './attributiondata.js';
import { answerWords } from './words.js';

const BARS_HEIGHT = 200;
const BAR_PAD = { left: 40, right: 4, top: 8, bottom: 24 };
const HEADS = 6;
const ENDS = 1.08; // room above the longest bar

/** Places of the bars: {x(i), each, y(value), zero}; each group has a bar for clean and one for corrupt. */
export function barLayout(width, count, low, high) {
  const each = (width - BAR_PAD.left - BAR_PAD.right) / count;
  const y = (value) => BAR_PAD.top + ((high - value) / (high - low)) * (BARS_HEIGHT - BAR_PAD.top - BAR_PAD.bottom);
  return { each, x: (i) => BAR_PAD.left + i * each, y, zero: y(0), indexAt: (at) => Math.max(0, Math.min(count - 1, Math.floor((at - BAR_PAD.left) / each))) };
}

function span(bars) {
  const values = bars.flatMap(({ clean, corrupt }) => [clean, corrupt]).filter(Number.isFinite);
  return [ENDS * Math.min(0, ...values), ENDS * Math.max(0.1, ...values)];
}

/** View of the attribution card. */
export function createAttributionCard({ parts, getScene, widthOf, askReads }) {
  const [wordsGate, chartGate] = [createGate(), createGate()];
  const canvas = parts.attributionChart;
  let [layout, bars, marker] = [null, [], null];

  function drawFrame(context, theme, width, [low, high]) {
    context.font = `11px ${theme.font}`;
    context.textBaseline = 'middle';
    context.textAlign = 'right';
    for (const tick of niceTicks(low, high)) {
      context.fillStyle = tick === 0 ? theme.muted : theme.line;
      context.fillRect(BAR_PAD.left, layout.y(tick), width - BAR_PAD.left, 1);
      context.fillStyle = theme.muted;
      context.fillText(formatMargin(tick).replace(/\.00$/, '').replace(/(\.\d)0$/, '$1'), BAR_PAD.left - 6, layout.y(tick));
    }
    context.textAlign = 'center';
    let free = -Infinity;
    bars.forEach(({ sublayer }, i) => {
      const text = sublayerWords(sublayer).short;
      const half = context.measureText(text).width / 2;
      const middle = layout.x(i) + layout.each / 2;
      if (middle - half < free || middle + half > width) return;
      context.fillText(text, middle, BARS_HEIGHT - 10);
      free = middle + half + 4;
    });
  }
  function drawBars(context, theme) {
    const gap = Math.min(3, layout.each * 0.12);
    const thick = (layout.each - 2 * gap) / 2;
    bars.forEach(({ clean, corrupt }, i) => {
      const left = layout.x(i) + gap;
      if (i === marker) {
        context.fillStyle = theme.soft;
        context.fillRect(layout.x(i), BAR_PAD.top, layout.each, BARS_HEIGHT - BAR_PAD.top - BAR_PAD.bottom);
      }
      const bar = (value, x) => [x, Math.min(layout.zero, layout.y(value)), Math.max(1, thick - 0.5), Math.max(1, Math.abs(layout.y(value) - layout.zero))];
      context.fillStyle = clean < 0 ? theme.two : theme.one;
      context.fillRect(...bar(clean, left));
      if (!Number.isFinite(corrupt)) return;
      const [x, y, w, h] = bar(corrupt, left + thick);
      context.strokeStyle = corrupt < 0 ? theme.two : theme.one;
      context.lineWidth = 1.2;
      context.strokeRect(x + 0.6, y + 0.6, Math.max(0.5, w - 1.2), Math.max(0.2, h - 1.2));
    });
  }
  function draw({ run, theme }) {
    bars = attributionBars(run.dla);
    const width = widthOf(canvas.parentElement);
    const range = span(bars);
    layout = barLayout(width, bars.length, ...range);
    const context = fitCanvas(canvas, width, BARS_HEIGHT);
    context.clearRect(0, 0, width, BARS_HEIGHT);
    drawFrame(context, theme, width, range);
    drawBars(context, theme);
    const told = bars[marker];
    setText(parts.attributionPoint, told ? `${sublayerWords(told.sublayer).long}: clean ${formatMargin(told.clean)}, corrupt ${formatMargin(told.corrupt)}`
      : 'Point at a bar for its numbers; a: attention, m: MLP.');
  }
  function badge(part, name, side) {
    part.hidden = !side;
    if (!side) return;
    part.dataset.closed = String(hasClosed(side));
    setText(part, `${hasClosed(side) ? '✓' : '!'} ${name} ${closureWords(side, formatMargin(side.metric))}`);
  }
  function headRow(entry, range) {
    const half = (value, side) => {
      const width = Number.isFinite(value) ? (50 * Math.abs(value)) / range : 0;
      return make('span', { class: `pl-half pl-${side}`, 'data-sign': value < 0 ? 'b' : 'a', style: `width:${width.toFixed(2)}%` });
    };
    const name = make('button', { type: 'button', class: 'pl-memberlink', text: `L${entry.layer} H${entry.head}`, title: 'Show what this head reads',
      onclick: () => askReads(entry) });
    return make('li', {}, name, make('span', { class: 'pl-twobars', 'aria-hidden': 'true' }, half(entry.clean, 'cleanbar'), half(entry.corrupt, 'corruptbar')),
      make('span', { class: 'pl-num', text: formatMargin(entry.clean) }), make('span', { class: 'pl-num pl-muted', text: formatMargin(entry.corrupt) }));
  }
  function fillWords({ run }) {
    const [top] = mostDifferentHeads(run.dla, 1);
    setEmojiText(parts.attributionSentence, top ? `What differs most is what layer ${top.layer}’s head ${top.head} writes: `
      + `${formatMargin(top.clean)} on the clean picture, ${formatMargin(top.corrupt)} on the corrupt one, for ${answerWords(run.a)} against ${answerWords(run.b)}.` : '');
    badge(parts.closureClean, 'clean:', run.dla.clean);
    badge(parts.closureCorrupt, 'corrupt:', run.dla.corrupt);
    const heads = mostDifferentHeads(run.dla, HEADS);
    parts.headBars.replaceChildren(...heads.map((entry) => headRow(entry, barRange(heads))));
    setText(parts.attributionUp, `↑ speaks for ${run.a.name}`);
    setText(parts.attributionDown, `↓ speaks for ${run.b.name}`);
    canvas.setAttribute('aria-label', `${parts.attributionSentence.textContent} Left and right arrows move from bar to bar.`);
  }
  function mark(next) {
    if (next === marker) return;
    marker = next;
    render();
  }
  function render() {
    const scene = getScene();
    parts.attributionCard.hidden = !scene?.run.dla;
    if (!scene?.run.dla || !widthOf(canvas.parentElement)) return;
    if (wordsGate.opens(String(scene.versions.run))) fillWords(scene);
    if (chartGate.opens([scene.versions.run, marker, scene.themeSerial, widthOf(canvas.parentElement), devicePixelRatio].join())) draw(scene);
  }
  const barAt = (event) => layout?.indexAt(pointerIn(canvas, event).x) ?? null;
  canvas.addEventListener('pointermove', (event) => mark(barAt(event)));
  canvas.addEventListener('click', (event) => mark(barAt(event)));
  canvas.addEventListener('pointerleave', (event) => event.pointerType !== 'touch' && mark(null));
  canvas.addEventListener('keydown', (event) => {
    const step = { ArrowRight: 1, ArrowLeft: -1 }[event.key];
    if (!step || !bars.length) return;
    event.preventDefault();
    mark(Math.max(0, Math.min(bars.length - 1, (marker ?? (step > 0 ? -1 : bars.length)) + step)));
  });
  function forget() {
    wordsGate.reset();
    chartGate.reset();
  }
  return { render, forget };
}
