// The web app under test, through what it promises to scripts: `data-state` and `data-progress` on the root element,
// `data-save` on each file's save control.

import { seconds, until } from './time.mjs';

export class App {
  constructor(page, browser) {
    this.page = page;
    this.browser = browser;
  }

  /** Opens an address in a browser of this harness. */
  static async open(browser, url, options) {
    return new App(await browser.open(url, options), browser);
  }

  async state() {
    return this.page.evaluate(() => {
      const { state, progress } = document.documentElement.dataset;
      const text = (selector) => document.querySelector(selector)?.textContent ?? '';
      return { state, progress: Number(progress), status: text('.status'), failure: text('.failure'), notice: text('.notice') };
    });
  }

  /** Waits for one of the page's states; the state `error` ends the wait for any other. */
  reaches(wanted, limit = seconds(120)) {
    return until(
      `the page reaches ${wanted}`,
      async () => {
        const { state, failure } = await this.state();
        if (state === 'error' && wanted !== 'error') throw new Error(`the page failed: ${failure}`);
        return state === wanted;
      },
      { within: limit, every: 100, state: () => this.state() },
    );
  }

  /** Waits until at least this part of all is verified. */
  passes(fraction, limit = seconds(120)) {
    return until(`the page has ${fraction} of all`, async () => (await this.state()).progress >= fraction, {
      within: limit,
      every: 20,
      state: () => this.state(),
    });
  }

  /** Saves a file by its control, and returns the path where the browser put it. */
  async save(file, limit = seconds(120)) {
    const control = await this.page.waitForSelector(`[data-save="${quoted(file)}"]:not([disabled])`);
    await control.evaluate((element) => element.click());
    return this.browser.saved(file.split('/').at(-1), limit);
  }

  /** Everything that the page says, as a person reads it. */
  text() {
    return this.page.evaluate(() => document.body.innerText);
  }

  /** The link that the page offers to pass on. */
  link(limit = seconds(60)) {
    const read = () => this.page.evaluate(() => document.querySelector('input[data-link]')?.value);
    return until('the page gives a link', read, { within: limit });
  }

  /** Chooses files of this machine in the page's own file picker. */
  async choose(paths) {
    const input = await this.page.waitForSelector('input[type=file][multiple]:not([webkitdirectory])');
    await input.uploadFile(...paths);
  }
}

// Names in tests hold nothing that needs more than this.
const quoted = (text) => text.replaceAll('\\', '\\\\').replaceAll('"', '\\"');
