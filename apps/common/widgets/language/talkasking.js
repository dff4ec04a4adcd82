// What the visitor asks the server for, sent once things have paused or a slider was let go, and what is waited for.

import { debounce } from '../shared/schedule.js';
import { actsSomewhere, turnKey, turnOf } from './talkstate.js';

const TURN_PAUSE_MS = 250;
const PAGE_PAUSE_MS = 100;

/** Turns changes of the state into events; `onEvent(name, data)` sends one, `getRun()` is the key of the run on show. */
export function createTalkAsking({ onEvent, getState, changed, getRun }) {
  const waiting = { talk: false, ask: false, gallery: false, contrast: null };
  let [last, turnedAt, askedAt, isUnsent, isHeld] = [0, 0, 0, false, false];
  const turnLater = debounce(sendTurn, TURN_PAUSE_MS);
  const pageLater = debounce(() => getState().latent !== null && send('latent', { index: getState().latent }), PAGE_PAUSE_MS);

  // Events may reach the server in another order than they were sent: each carries when it was, and no two the same.
  function send(name, data) {
    last = Math.max(Date.now(), last + 1);
    onEvent(name, { ...data, at: last });
    return last;
  }
  function sendTurn(again = false) {
    if (isHeld || !actsSomewhere(getState())) return;
    isUnsent = false;
    waiting.talk = true;
    turnedAt = send('talk', { ...turnOf(getState()), run: getRun(), ...(again ? { again: true } : {}) });
    changed();
  }
  return {
    waiting,
    /** Ask for what a step of the visitor changed; `isKnown(latent)` says that its page is there. */
    follow(before, after, isKnown) {
      if (turnKey(turnOf(after)) !== turnKey(turnOf(before))) {
        isUnsent = true;
        turnLater();
      }
      if (before.latent !== after.latent && after.latent !== null && !isKnown(after.latent)) pageLater();
    },
    /** A slider is held: nothing is sent before it is let go. */
    hold() {
      isHeld = true;
    },
    release() {
      if (!isHeld) return;
      isHeld = false;
      if (!isUnsent) return;
      turnLater.cancel();
      sendTurn();
    },
    again() {
      turnLater.cancel();
      sendTurn(true);
    },
    ask(text) {
      waiting.ask = waiting.talk = true;
      turnLater.cancel();
      askedAt = send('ask', { text });
      changed();
    },
    guide() {
      turnLater.cancel();
      isUnsent = false;
      waiting.ask = waiting.talk = true;
      turnedAt = askedAt = send('guide', {});
      changed();
    },
    stop() {
      send('cancel', { what: 'talk' });
      waiting.talk = false;
      changed();
    },
    gallery() {
      waiting.gallery = true;
      send('gallery', {});
      changed();
    },
    contrast(name) {
      waiting.contrast = name;
      send('contrast', { name });
      changed();
    },
    latent: () => pageLater(),
    view: (view) => send('view_change', { view }),
    /** Whether the visitor has turned something since the server last heard of the turn that it answers for. */
    isLate: (at) => isUnsent || at < turnedAt,
    /** Note which parts of a value arrived, whether the columns are still spoken, and which prompt it answers. */
    arrived(parts, isSpeaking, at = 0) {
      if (waiting.ask && at >= askedAt) {
        waiting.ask = false;
        waiting.talk = isSpeaking;
      }
      if (parts.includes('talk')) waiting.talk = isSpeaking;
      if (parts.includes('contrast')) waiting.contrast = null;
      if (parts.includes('latent')) waiting.gallery = false;
    },
    /** The server could not do it: it is not waited for any more. */
    refused(what) {
      if (what === 'ask' || what === 'guide') waiting.ask = waiting.talk = false;
      if (what in waiting) waiting[what] = what === 'contrast' ? null : false;
    },
    /** Another run: nothing of the old one is waited for. */
    reset() {
      [isUnsent, isHeld] = [false, false];
      Object.assign(waiting, { ask: false, gallery: false, contrast: null });
      for (const later of [turnLater, pageLater]) later.cancel();
    },
  };
}
