/**
 * Parts of files from web seeds (BEP 19), fetched in the Worker and handed to the engine as they
 * come. The engine decides what to fetch and when to rest.
 */

/** Milliseconds from a request to the beginning of its answer. */
const ANSWER_PATIENCE = 30_000;

/** Why a fetch failed, as the engine reads it (see `fetches.rs`). */
interface Failure {
  kind: 'status' | 'no-ranges' | 'wrong-range' | 'wrong-length' | 'unusable' | 'failed';
  /** The status, or the actual length. */
  number?: number;
  /** Seconds to wait, or the expected length. */
  other?: number;
  reason?: string;
}

/** What the engine is told. */
interface Sink {
  fetched(fetch: number, data: Uint8Array): void;
  fetchEnded(
    fetch: number,
    kind: string | undefined,
    number: number,
    other: number,
    reason: string,
  ): void;
}

class Fetch {
  readonly #abort = new AbortController();
  #paused = false;
  #goOn: () => void = () => {};

  constructor(
    private readonly url: string,
    private readonly begin: number,
    private readonly end: number,
    private readonly length: number,
  ) {}

  cancel(): void {
    this.#abort.abort();
    this.#goOn();
  }

  pause(paused: boolean): void {
    this.#paused = paused;
    if (!paused) this.#goOn();
  }

  /** Fetches; the failure, if it does not come to its end. */
  async run(take: (data: Uint8Array) => void): Promise<Failure | undefined> {
    const { signal } = this.#abort;
    let response: Response;
    const patience = setTimeout(() => this.#abort.abort(), ANSWER_PATIENCE);
    try {
      response = await fetch(this.url, { headers: this.#headers(), signal, credentials: 'omit', cache: 'no-store' });
    } catch {
      return this.#unreachable(signal.aborted);
    } finally {
      clearTimeout(patience);
    }
    const failure = this.#judge(response);
    if (failure || !response.body) {
      this.#abort.abort();
      return failure ?? { kind: 'failed', reason: 'the answer has no body' };
    }
    const reader = response.body.getReader();
    let left = this.end - this.begin;
    try {
      while (left > 0) {
        while (this.#paused && !signal.aborted) await new Promise<void>((resolve) => (this.#goOn = resolve));
        const { done, value } = await reader.read();
        if (done) return { kind: 'failed', reason: 'the answer ended early' };
        const data = value.subarray(0, left);
        left -= data.length;
        take(data);
      }
    } catch (error) {
      return { kind: 'failed', reason: `the connection broke: ${String(error)}` };
    }
    // More than was asked for is not waited for.
    reader.cancel().catch(() => {});
    return undefined;
  }

  get #isWhole(): boolean {
    return this.begin === 0 && this.end === this.length;
  }

  /** A range of this form is one that other sites need not be asked for beforehand (CORS). */
  #headers(): Record<string, string> {
    return this.#isWhole ? {} : { Range: `bytes=${this.begin}-${this.end - 1}` };
  }

  #judge({ status, headers }: Response): Failure | undefined {
    // Another site's server may not let these be seen: then what comes is believed until its hash is known.
    const size = Number(headers.get('content-length') ?? NaN);
    const encoded = headers.get('content-encoding') !== null;
    const wrongLength = (actual: number): Failure => ({ kind: 'wrong-length', number: actual, other: this.length });
    if (status === 206) {
      const range = /^bytes (\d+)-\d+\/(\d+|\*)$/.exec(headers.get('content-range') ?? '');
      if (range?.[2] && range[2] !== '*' && Number(range[2]) !== this.length) return wrongLength(Number(range[2]));
      const other = range ? Number(range[1]) !== this.begin : size > this.end - this.begin;
      return other ? { kind: 'wrong-range' } : undefined;
    }
    if (status === 200) {
      if (!encoded && size >= 0 && size !== this.length) return wrongLength(size);
      return this.#isWhole ? undefined : { kind: 'no-ranges' };
    }
    return { kind: 'status', number: status, other: Number(headers.get('retry-after')) || 0 };
  }

  #unreachable(timedOut: boolean): Failure {
    if (timedOut) return { kind: 'failed', reason: 'no answer in time' };
    const { protocol, hostname } = new URL(this.url);
    const local = ['localhost', '127.0.0.1', '[::1]'].includes(hostname);
    if (self.isSecureContext && location.protocol === 'https:' && protocol === 'http:' && !local) {
      return { kind: 'unusable', reason: 'a page on https cannot fetch from http' };
    }
    const why = 'it cannot be reached, or does not let pages of other sites read it (CORS)';
    return { kind: 'failed', reason: why };
  }
}

/** The fetches under way, by the engine's number. */
export class Fetches {
  readonly #running = new Map<number, Fetch>();

  constructor(private readonly sink: () => Sink | undefined) {}

  fetch(number: number, url: string, begin: number, end: number, length: number): void {
    const fetch = new Fetch(url, begin, end, length);
    this.#running.set(number, fetch);
    void fetch
      .run((data) => {
        if (this.#running.has(number)) this.sink()?.fetched(number, data);
      })
      .then((failure) => {
        // A cancelled one is not asked after any more.
        if (!this.#running.delete(number)) return;
        const { kind, number: first = 0, other = 0, reason = '' } = failure ?? { kind: undefined };
        this.sink()?.fetchEnded(number, kind, first, other, reason);
      });
  }

  pause(number: number, paused: boolean): void {
    this.#running.get(number)?.pause(paused);
  }

  cancel(number: number): void {
    const fetch = this.#running.get(number);
    this.#running.delete(number);
    fetch?.cancel();
  }
}
