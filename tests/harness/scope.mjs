// What one test starts, it ends: processes, browsers, servers and folders, whatever way the test goes.

import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { test } from 'node:test';

import { seconds } from './time.mjs';

/** How many of a log's last lines a failing test shows. */
const SHOWN_LINES = 40;

/** How long one test may take unless it says otherwise. */
const TEST_LIMIT = seconds(180);

/**
 * A test whose name is the sentence it proves. `body` gets a Scope; all that was opened in it is closed afterwards, last
 * opened first, and when the test fails the logs of what ran are printed. Tests marked `fast` are those that
 * `cargo xtask test --fast` runs.
 */
export function proves(sentence, body, { limit = TEST_LIMIT, fast = false } = {}) {
  if (process.env.BRACKISH_TEST_FAST && !fast) return;
  test(sentence, { timeout: limit }, async (t) => {
    const scope = new Scope();
    // A test that node:test times out never returns here: its scope is closed by the signal.
    t.signal.addEventListener('abort', () => void scope.close());
    try {
      await body(scope, t);
    } catch (error) {
      scope.showLogs();
      throw error;
    } finally {
      await scope.close();
    }
  });
}

export class Scope {
  #closers = [];
  #logs = [];
  #closing;

  /** `closer` runs when the test ends. */
  defer(closer) {
    this.#closers.push(closer);
  }

  /** An empty folder that goes away with the test. */
  async folder(name = 'work') {
    const path = await mkdtemp(join(tmpdir(), `brackish-test-${name}-`));
    this.defer(() => rm(path, { recursive: true, force: true, maxRetries: 5, retryDelay: 100 }));
    return path;
  }

  /** Lines that are printed if the test fails. A line that matches `replaces` takes the place of one before it that does. */
  log(name) {
    const log = { name, lines: [] };
    this.#logs.push(log);
    return {
      add: (line, { replaces } = {}) => {
        if (replaces?.test(line) && replaces.test(log.lines.at(-1) ?? '')) log.lines.pop();
        log.lines.push(line);
        if (process.env.BRACKISH_TEST_LOGS) console.error(`[${name}] ${line}`);
      },
    };
  }

  showLogs() {
    for (const { name, lines } of this.#logs) {
      console.error(`--- ${name}${lines.length ? '' : ': nothing'}`);
      for (const line of lines.slice(-SHOWN_LINES)) console.error(`    ${line}`);
    }
  }

  /** Closes everything once; a closer that fails does not keep the others from running. */
  close() {
    this.#closing ??= (async () => {
      for (const closer of this.#closers.reverse()) {
        try {
          await closer();
        } catch (error) {
          console.error(`while ending: ${error.message}`);
        }
      }
    })();
    return this.#closing;
  }
}
