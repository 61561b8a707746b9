/** The page's side of the Worker: calls with answers, and messages without. */

import { BrackishError } from './error.js';
import type { Calls, Command, Fault, Message } from './protocol.js';

/** The Worker's script. */
const WORKER = 'worker.js';

interface Waiting {
  resolve(value: unknown): void;
  reject(error: unknown): void;
}

/** The running Worker. */
export class EngineWorker {
  readonly #worker: Worker;
  readonly #waiting = new Map<number, Waiting>();
  #nextCall = 0;
  #ended: BrackishError | undefined;
  /** Called for everything but answers. */
  onmessage: (message: Message) => void = () => {};
  /** Called when the Worker can go on no more. */
  onfailure: (error: BrackishError) => void = () => {};

  constructor(url: string | URL | undefined) {
    this.#worker = makeWorker(url);
    this.#worker.onmessage = ({ data }: MessageEvent<Message>) => this.#take(data);
    this.#worker.onerror = (event) => {
      event.preventDefault();
      const said = event.message;
      this.#fail(
        said
          ? new BrackishError('internal', `the engine failed: ${said}`)
          : new BrackishError('no-worker', 'the Worker cannot be loaded; `workerUrl` says where worker.js is'),
      );
    };
    this.#worker.onmessageerror = () => {
      this.#fail(new BrackishError('internal', 'a message of the Worker cannot be read'));
    };
  }

  /** Sends a message that has no answer. */
  send(command: Command, transfer: Transferable[] = []): void {
    this.#worker.postMessage(command, transfer);
  }

  /** Sends a call and waits for its answer. */
  call<M extends keyof Calls>(
    method: M,
    args: Parameters<Calls[M]>,
  ): Promise<ReturnType<Calls[M]>> {
    if (this.#ended) return Promise.reject(this.#ended);
    const id = this.#nextCall++;
    return new Promise((resolve, reject) => {
      this.#waiting.set(id, { resolve: resolve as Waiting['resolve'], reject });
      this.send({ type: 'call', id, method, args });
    });
  }

  /** Ends the Worker. What waits for an answer gets this error. */
  end(error: BrackishError): void {
    this.#ended ??= error;
    this.#worker.terminate();
    for (const { reject } of this.#waiting.values()) reject(this.#ended);
    this.#waiting.clear();
  }

  #take(message: Message): void {
    if (message.type !== 'result' && message.type !== 'refused') return this.onmessage(message);
    const waiting = this.#waiting.get(message.id);
    this.#waiting.delete(message.id);
    if (message.type === 'result') waiting?.resolve(message.value);
    else waiting?.reject(new Refusal(message.fault));
  }

  #fail(error: BrackishError): void {
    if (this.#ended) return;
    this.end(error);
    this.onfailure(error);
  }
}

/** The Worker refused a call. */
export class Refusal extends Error {
  constructor(readonly fault: Fault) {
    super(fault.message);
  }
}

/** What a caller of the package gets for whatever was thrown. */
export function asBrackishError(error: unknown): BrackishError {
  if (error instanceof BrackishError) return error;
  if (error instanceof Refusal) return faultError(error.fault);
  return new BrackishError('internal', String(error), { cause: error });
}

/** The error for a fault of the Worker's. */
export function faultError({ code, message }: Fault): BrackishError {
  return new BrackishError(code === 'duplicate' ? 'internal' : code, message);
}

function makeWorker(url: string | URL | undefined): Worker {
  if (typeof Worker === 'undefined' || typeof WebAssembly === 'undefined') {
    throw new BrackishError('no-worker', 'this browser has no Workers or no WebAssembly');
  }
  try {
    const script = url === undefined ? elsewhere(import.meta.url) : new URL(url, document.baseURI);
    // Written out so that bundlers see it.
    if (script === undefined) return new Worker(new URL('./worker.js', import.meta.url), { type: 'module' });
    if (script.origin === location.origin || script.protocol === 'blob:') return new Worker(script, { type: 'module' });
    // A Worker's script must be of the page's origin; what that script imports need not be.
    const local = new Blob([`import ${JSON.stringify(script.href)};`], { type: 'text/javascript' });
    return new Worker(URL.createObjectURL(local), { type: 'module' });
  } catch (error) {
    throw new BrackishError('no-worker', `the Worker cannot be started: ${String(error)}`, { cause: error });
  }
}

/** Where the Worker's script is when a Worker of the page's own cannot be started from beside this module. */
function elsewhere(module: string): URL | undefined {
  // Bundlers put something else here than an address.
  if (!/^https?:/.test(module)) return undefined;
  // In development, Vite bundles what a page imports into a folder of its own, and leaves the Worker where it was.
  const [, modules] = /^(.*\/node_modules\/)\.vite\/deps[^/]*\//.exec(module) ?? [];
  if (modules !== undefined) return new URL(`${modules}brackish/dist/${WORKER}`);
  const beside = new URL(WORKER, module);
  return beside.origin === location.origin ? undefined : beside;
}
