/** Listeners by event. */

import { checkFunction } from './check.js';

/** `Events` maps the name of an event to what it carries. */
export class Emitter<Events> {
  readonly #listeners = new Map<keyof Events, Set<(value: never) => void>>();

  /** Listens; the returned function ends that. */
  on<E extends keyof Events>(event: E, listener: (value: Events[E]) => void): () => void {
    checkFunction('listener', listener);
    const listeners = this.#listeners.get(event) ?? new Set();
    this.#listeners.set(event, listeners);
    // A listener that is added twice is called twice, and each `off` ends one.
    const own = (value: Events[E]) => listener(value);
    listeners.add(own);
    return () => void listeners.delete(own);
  }

  /** Tells every listener. One that throws keeps no other from being told. */
  emit<E extends keyof Events>(event: E, value: Events[E]): void {
    for (const listener of [...(this.#listeners.get(event) ?? [])]) {
      callSafely(() => (listener as (value: Events[E]) => void)(value));
    }
  }
}

/** Calls a function of the page; what it throws is the page's to see, and ends nothing here. */
export function callSafely(call: () => void): void {
  try {
    call();
  } catch (error) {
    reportError(error);
  }
}
