// What the visitor asks the server for: events sent once things have paused, and what is waited for.

import { debounce } from '../shared/schedule.js';
import { createPending } from '../shared/sections.js';
import { rackKey, rackOf } from './rack.js';

const STEER_PAUSE_MS = 150;
const LATENT_PAUSE_MS = 100;

/** Turns changes of the state into events; `onEvent(name, data)` sends one, `getSae()` is the id of the SAE on show. */
export function createSteerAsking({ onEvent, getState, changed, getSae = () => null }) {
  const pending = createPending();
  const waiting = { controls: false, general: false, other: null, found: null };
  let [last, steeredAt, isUnsent] = [0, 0, false];
  const steerLater = debounce(() => {
    isUnsent = false;
    steeredAt = send('steer', { ...rackOf(getState()), sae: getSae() });
  }, STEER_PAUSE_MS);
  const latentLater = debounce(() => getState().latent !== null && send('latent', { index: getState().latent }), LATENT_PAUSE_MS);

  // Events may reach the server in another order than they were sent: each carries when it was, and no two the same.
  function send(name, data) {
    last = Math.max(Date.now(), last + 1);
    onEvent(name, { ...data, at: last });
    return last;
  }

  function start(what, mark, name, data) {
    waiting[what] = mark;
    send(name, data);
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
        isUnsent = true;
        steerLater();
      }
      if (before.latent !== after.latent && after.latent !== null && !isKnown(after.latent)) latentLater();
    },
    latent: () => latentLater(),
    controls: () => start('controls', true, 'controls', {}),
    general: () => start('general', true, 'generality', {}),
    compare: (id) => start('other', id, 'compare', { id }),
    search: (kind, text, index) => start('found', `${kind}|${text}`, 'search', Number.isInteger(index) ? { kind, text, index } : { kind, text }),
    watch: (index) => send('watch', { index }),
    profile: (index) => send('profile', { index }),
    view: (view) => send('view_change', { view }),
    /** Whether the visitor has turned something since the server last heard of the rack that it answers for. */
    isLate: (at) => isUnsent || at < steeredAt,
    /** The recipe: the server puts its picture and its dials there; until then they are waited for. */
    guide(rack) {
      steerLater.cancel();
      pending.asked(rackKey(rack));
      isUnsent = false;
      steeredAt = send('guide', {});
    },
    /** What waits to begin never will. */
    cancel(what) {
      send('cancel', { what });
      if (what in waiting) waiting[what] = false;
      changed();
    },
    /** The server could not do it: it is not waited for any more. */
    refused(what) {
      if (what in waiting) waiting[what] = what === 'controls' || what === 'general' ? false : null;
    },
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
      [steeredAt, isUnsent] = [0, false];
      Object.assign(waiting, { controls: false, general: false, other: null, found: null });
      for (const later of [steerLater, latentLater]) later.cancel();
    },
  };
}
