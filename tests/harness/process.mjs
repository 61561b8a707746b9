// Programs that a test runs: their lines are kept, their exit awaited, and none outlives the test.

import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { createInterface } from 'node:readline';

import { seconds, until, within } from './time.mjs';

/** How long a program may take to end after it was asked to. */
const END_LIMIT = seconds(10);

const running = new Set();

// Even a test file that is ended from outside takes its programs with it.
process.on('exit', () => running.forEach((child) => child.kill('SIGKILL')));
for (const signal of ['SIGINT', 'SIGTERM']) process.on(signal, () => process.exit(1));

/** Starts a program inside a scope. Does not wait for anything. */
export function start(scope, program, args = [], { name = program.split('/').at(-1), env, cwd } = {}) {
  const log = scope.log(name);
  log.add(`$ ${[program, ...args].join(' ')}`);
  const child = spawn(program, args, { cwd, env: { ...process.env, ...env }, stdio: ['ignore', 'pipe', 'pipe'] });
  running.add(child);
  const started = new Started(name, child, log);
  scope.defer(() => started.end());
  return started;
}

/** Runs a program to its end; the result says how it ended and what it printed. */
export async function run(scope, program, args = [], { limit = seconds(60), ...options } = {}) {
  const started = start(scope, program, args, options);
  const code = await within(`${started.name} ends`, limit, started.exited);
  return { code, stdout: started.stdout, stderr: started.stderr };
}

export class Started {
  #child;
  #out = [];
  #err = [];

  constructor(name, child, log) {
    this.name = name;
    this.#child = child;
    const collect = (stream, lines) =>
      createInterface({ input: stream, crlfDelay: Infinity }).on('line', (line) => {
        lines.push(line);
        // Figures come every second, and only the last ones say something.
        log.add(line, { replaces: /^\{"event": ?"(tracker_)?(progress|state)"/ });
      });
    collect(child.stdout, this.#out);
    collect(child.stderr, this.#err);
    /** Resolves to the exit code, or to the name of the signal that ended it. */
    this.exited = new Promise((resolve) => {
      child.on('error', (error) => {
        log.add(`cannot start: ${error.message}`);
        running.delete(child);
        resolve('not started');
      });
      child.on('close', (code, signal) => {
        log.add(`ended: ${code ?? signal}`);
        running.delete(child);
        resolve(code ?? signal);
      });
    });
  }

  get pid() {
    return this.#child.pid;
  }

  get stdout() {
    return this.#out.join('\n');
  }

  get stderr() {
    return this.#err.join('\n');
  }

  get lines() {
    return this.#out;
  }

  /** Everything that was printed as one JSON object a line. */
  get events() {
    return this.#out.flatMap((line) => {
      try {
        return line.startsWith('{') ? [JSON.parse(line)] : [];
      } catch {
        return [];
      }
    });
  }

  get alive() {
    return this.#child.exitCode === null && this.#child.signalCode === null && this.#child.pid !== undefined;
  }

  /** The first event for which `matches` holds, now or later. */
  event(what, matches, limit = seconds(30)) {
    return this.#found(what, () => this.events.find(matches), limit);
  }

  /** The first line of output (either stream) that matches, as the match. */
  line(pattern, limit = seconds(30)) {
    const match = () => [...this.#out, ...this.#err].map((line) => line.match(pattern)).find(Boolean);
    return this.#found(`prints ${pattern}`, match, limit);
  }

  #found(what, look, limit) {
    return until(
      `${this.name}: ${what}`,
      () => {
        const found = look();
        // Not before everything that it printed was read.
        if (!found && !running.has(this.#child)) throw new Error(`${this.name} ended before: ${what}`);
        return found;
      },
      { within: limit, state: () => this.#out.at(-1) ?? this.#err.at(-1) },
    );
  }

  signal(name) {
    this.#child.kill(name);
  }

  /** Asks it to end, and makes it end if it does not. */
  async end(signal = 'SIGTERM') {
    if (!this.alive) return;
    this.#child.kill(signal);
    const ended = once(this.#child, 'close');
    try {
      await within(`${this.name} ends`, END_LIMIT, ended);
    } catch {
      this.#child.kill('SIGKILL');
      await ended;
    }
  }

  /** Ends it as a crash or a power cut would. */
  async killHard() {
    this.#child.kill('SIGKILL');
    await this.exited;
  }
}
