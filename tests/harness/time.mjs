// Waiting for conditions: tests never sleep for a fixed time, and every wait has a deadline that names what it waited for.

const POLL_MS = 50;

export const seconds = (count) => count * 1000;

/** Resolves after `ms`: for polling only, never to let something "probably" happen. */
export const pause = (ms) => new Promise((resolve) => setTimeout(resolve, ms));

/**
 * Calls `condition` until it gives something truthy, and returns that.
 * `what` is the sentence that the error says when the deadline passes; `state`, if given, adds what was seen last.
 */
export async function until(what, condition, { within = seconds(60), every = POLL_MS, state } = {}) {
  const deadline = Date.now() + within;
  for (;;) {
    const value = await condition();
    if (value) return value;
    if (Date.now() > deadline) {
      const seen = state === undefined ? '' : `; last seen: ${JSON.stringify(await state())}`;
      throw new Error(`not within ${within / 1000} s: ${what}${seen}`);
    }
    await pause(every);
  }
}

/** Rejects when the promise has not settled within the time. */
export async function within(what, ms, promise) {
  let timer;
  const late = new Promise((_, reject) => {
    timer = setTimeout(() => reject(new Error(`not within ${ms / 1000} s: ${what}`)), ms);
  });
  try {
    return await Promise.race([promise, late]);
  } finally {
    clearTimeout(timer);
  }
}
