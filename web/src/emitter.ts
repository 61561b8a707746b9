/** Listeners by event. */

/** `Events` maps the name of an event to what it carries. */
export class Emitter<Events> {
  readonly #listeners = new Map<keyof Events, Set<(value: never) => void>>();

  /** Listens; the returned function ends that. */
  on<E extends keyof Events>(event: E, listener: (value: Events[E]) => void): () => void {
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
      try {
        (listener as (value: Events[E]) => void)(value);
      } catch (error) {
        reportError(error);
      }
    }
  }
}
