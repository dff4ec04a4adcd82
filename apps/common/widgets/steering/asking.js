// What the visitor asks the server for: events sent once things have paused, and what is waited for.

import { debounce } from '../shared/schedule.js';
import { createPending } from '../shared/sections.js';
import { rackKey, rackOf } from './rack.js';

const STEER_PAUSE_MS = 150;
const LATENT_PAUSE_MS = 100;

/** Turns changes of the state into events; `onEvent(name, data)` sends one. */
export function createSteerAsking({ onEvent, getState, changed }) {
  const pending = createPending();
  const waiting = { controls: false, general: false, other: null, found: null };
  const steerLater = debounce(() => onEvent('steer', rackOf(getState())), STEER_PAUSE_MS);
  const latentLater = debounce(() => getState().latent !== null && onEvent('latent', { index: getState().latent }), LATENT_PAUSE_MS);

  function start(what, mark, name, data) {
    waiting[what] = mark;
    onEvent(name, data);
    changed();
  }
  return {
    waiting,
    pending,
    /** Ask for what a step of the visitor changed; `isKnown(latent)` says that its page is there. */
    follow(before, after, isKnown) {
      const key = rackKey(rackOf(after));
      if (key !== rackKey(rackOf(before))) {
        pending.asked(key);
        steerLater();
      }
      if (before.latent !== after.latent && after.latent !== null && !isKnown(after.latent)) latentLater();
    },
    latent: () => latentLater(),
    controls: () => start('controls', true, 'controls', {}),
    general: () => start('general', true, 'generality', {}),
    compare: (id) => start('other', id, 'compare', { id }),
    search: (kind, text, index) => start('found', `${kind}|${text}`, 'search', Number.isInteger(index) ? { kind, text, index } : { kind, text }),
    watch: (index) => onEvent('watch', { index }),
    profile: (index) => onEvent('profile', { index }),
    /** The recipe: the server puts its picture and its dials there; until then they are waited for. */
    guide(rack) {
      steerLater.cancel();
      pending.asked(rackKey(rack));
      onEvent('guide', {});
    },
    cancel: (what) => onEvent('cancel', { what }),
    /** Note which parts of a value arrived. */
    arrived(parts) {
      if (parts.includes('controls')) waiting.controls = false;
      if (parts.includes('general')) waiting.general = false;
      if (parts.includes('other')) waiting.other = null;
      if (parts.includes('found')) waiting.found = null;
    },
    /** Another picture, model or SAE: nothing of the old one is waited for. */
    reset() {
      pending.forget();
      Object.assign(waiting, { controls: false, general: false, other: null, found: null });
      for (const later of [steerLater, latentLater]) later.cancel();
    },
  };
}
