// Who asks for what and when: one step at a time, the newest wish next, and answers to older ones dropped.

const PATIENCE_MS = 30_000; // after which an answer is no longer waited for

/**
 * Keeps which step is shown, asked for and wished for.
 *
 * `ask(step, at)` sends a request, numbered by the time; `now` gives milliseconds.
 */
export function createStepAsker({ ask, now = Date.now }) {
  let [shown, asked, wished, askedAt] = [null, null, null, 0];

  function send(step) {
    [asked, wished, askedAt] = [step, null, Math.max(now(), askedAt + 1)];
    ask(step, askedAt);
  }
  return {
    /** The step that the page shows or will show. */
    get target() {
      return wished ?? asked ?? shown;
    },
    get shown() {
      return shown;
    },
    get isWaiting() {
      return asked !== null;
    },
    /** The visitor wants a step. */
    want(step) {
      if (asked !== null && now() - askedAt < PATIENCE_MS) wished = step === asked ? null : step;
      else if (step !== shown) send(step);
    },
    /** The page shows a step; `refused` where the one asked for could not be had. Returns whether that was an answer. */
    answered(step, refused = false) {
      const isAnswer = asked !== null && (step === asked || refused);
      shown = step;
      if (!isAnswer) return false;
      asked = null;
      const next = wished;
      wished = null;
      if (next !== null && next !== shown) send(next);
      return true;
    },
    /** Another model is on show: nothing is waited for. */
    begin(step) {
      [shown, asked, wished] = [step, null, null];
    },
  };
}
