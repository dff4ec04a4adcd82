// What the visitor asks the server for: events sent once things have paused, and what is waited for.

import { debounce } from '../shared/schedule.js';
import { createPending } from '../shared/sections.js';
import { flipRequest } from './flipcard.js';
import { bareChip, chipsKey } from './places.js';
import { wantedKey } from './state.js';
import { sweepRequest } from './sweepdata.js';

const SWEEP_PAUSE_MS = 120;
const APPLY_PAUSE_MS = 60;

/** Turns changes of the state into events; `onEvent(name, data)` sends one. */
export function createAsking({ onEvent, getState, getShape, changed }) {
  const pending = createPending();
  const waiting = { flip: false, general: false };
  // The server works on two sweeps at once and may begin with the later one: `at` says which was asked for last.
  const sweep = () => onEvent('sweep', { ...sweepRequest(getState()), at: Date.now() });
  const sweepLater = debounce(sweep, SWEEP_PAUSE_MS);
  const evolutionLater = debounce(() => onEvent('evolution', { token: getState().evolutionToken }), SWEEP_PAUSE_MS);
  const applyLater = debounce(() => onEvent('apply', { chips: getState().chips.map(bareChip) }), APPLY_PAUSE_MS);
  const readsLater = debounce(() => onEvent('reads', getState().reads), APPLY_PAUSE_MS);

  function start(what, name, data) {
    waiting[what] = true;
    onEvent(name, data);
    changed();
  }
  return {
    waiting,
    pending,
    /** Ask for what a step of the visitor changed. */
    follow(before, after) {
      if (wantedKey(before) !== wantedKey(after)) sweepLater();
      if (before.evolutionToken !== after.evolutionToken) evolutionLater();
      if (JSON.stringify(before.reads) !== JSON.stringify(after.reads) && after.reads) readsLater();
      if (before.chips !== after.chips && chipsKey(getShape(), before.chips) !== chipsKey(getShape(), after.chips)) {
        pending.asked(chipsKey(getShape(), after.chips));
        applyLater();
      }
    },
    sweep,
    flip: () => start('flip', 'flip', flipRequest(getState(), getShape())),
    general: () => start('general', 'generality', {}),
    cancel: (what) => onEvent('cancel', { what }),
    /** Note which parts of a value arrived. */
    arrived(parts) {
      if (parts.includes('flip')) waiting.flip = false;
      if (parts.includes('general')) waiting.general = false;
    },
    /** Another experiment: nothing of the old one is waited for. */
    reset() {
      pending.forget();
      waiting.flip = waiting.general = false;
      for (const later of [sweepLater, evolutionLater, applyLater, readsLater]) later.cancel();
    },
  };
}
