// A program: opens a link of `brackish share` in headless Chromium, downloads, saves, and compares with the file.
// node check-page.mjs LINK FILE

import { basename } from 'node:path';

import { App } from './app.mjs';
import { chromium } from './browser.mjs';
import { sha256 } from './files.mjs';
import { Scope } from './scope.mjs';

const [link, file] = process.argv.slice(2);
const scope = new Scope();
try {
  const app = await App.open(await chromium(scope), link);
  await app.reaches('done');
  const saved = await app.save(basename(file));
  if ((await sha256(saved)) !== (await sha256(file))) throw new Error('the page saved other bytes');
  console.log(`the page saved ${basename(file)}, and it is the same`);
} catch (error) {
  scope.showLogs();
  console.error(error.message);
  process.exitCode = 1;
} finally {
  await scope.close();
}
process.exit();
