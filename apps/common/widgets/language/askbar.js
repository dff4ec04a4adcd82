// What is asked: a short list to choose from, or words of one's own; and how the words of the answer are chosen.

import { make, setText } from '../shared/dom.js';
import { createGate } from '../shared/schedule.js';

/** What to say of words that the model has no token for. */
export function unknownWords(unknown) {
  if (!unknown?.length) return '';
  const named = unknown.map((word) => `“${word}”`).join(', ');
  return `This model was never taught ${unknown.length === 1 ? 'the word' : 'the words'} ${named}; it reads ${unknown.length === 1 ? 'it' : 'each'} as “unknown”.`;
}

/** View of the prompt; `ask(text)` puts it. */
export function createAskBar({ parts, getScene, dispatch, ask }) {
  const [gate, mannerGate] = [createGate(), createGate()];
  let isTyped = false;
  const put = (text) => {
    isTyped = false;
    if (text.trim()) ask(text.trim());
  };
  parts.promptText.addEventListener('input', () => (isTyped = true));
  parts.promptText.addEventListener('keydown', (event) => {
    if (event.key !== 'Enter' || event.isComposing) return;
    event.preventDefault();
    put(parts.promptText.value);
  });
  parts.askButton.addEventListener('click', () => put(parts.promptText.value));
  for (const [part, type] of [['temperature', 'temperature'], ['seed', 'seed'], ['most', 'most']])
    parts[part].addEventListener('change', () => dispatch({ type, value: parts[part].valueAsNumber }));

  function fill({ run }) {
    parts.prompts.replaceChildren(
      ...run.prompts.map((text) =>
        make('button', { type: 'button', class: 'pl-chip', 'aria-pressed': String(text === run.prompt), onclick: () => put(text) }, make('span', { class: 'pl-name', text })),
      ),
    );
    if (!isTyped) parts.promptText.value = run.prompt;
    const unknown = unknownWords(run.unknown);
    parts.unknown.hidden = !unknown;
    setText(parts.unknown, unknown);
  }
  function fillManner({ state, run }) {
    parts.most.max = run.most_words;
    for (const name of ['temperature', 'seed', 'most']) if (document.activeElement !== parts[name]) parts[name].value = String(state[name]);
    parts.seed.disabled = state.temperature === 0 && state.control !== 'random';
    setText(parts.mannerWords, state.temperature === 0 ? 'the likeliest word each time' : `drawn at temperature ${state.temperature}, seed ${state.seed}`);
  }
  function render() {
    const scene = getScene();
    if (!scene) return;
    const { versions, state, isAsking } = scene;
    parts.askButton.disabled = isAsking;
    if (gate.opens([versions.run].join())) {
      isTyped = false;
      fill(scene);
    }
    if (mannerGate.opens([versions.run, state.temperature, state.seed, state.most, state.control].join())) fillManner(scene);
  }
  function forget() {
    gate.reset();
    mannerGate.reset();
  }
  return { render, forget };
}
