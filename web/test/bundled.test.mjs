// The package as others take it: bundled by Vite's development server, and compiled against by TypeScript.

import assert from 'node:assert/strict';
import { execFile } from 'node:child_process';
import { cp, mkdir, writeFile } from 'node:fs/promises';
import { createRequire } from 'node:module';
import { join } from 'node:path';
import { pathToFileURL } from 'node:url';
import { promisify } from 'node:util';

import { chromium } from '../../tests/harness/browser.mjs';
import * as paths from '../../tests/harness/paths.mjs';
import { proves } from '../../tests/harness/scope.mjs';

const PAGE = '<!doctype html><title>brackish</title><script type="module" src="./main.js"></script>';

const MAIN = `
import { createClient } from 'brackish';
window.begun = createClient({ iceServers: [] }).then((client) => client.seed(new File(['x'], 'x')));
`;

/** A folder with a page that has the package installed. */
async function project(scope) {
  const root = await scope.folder('project');
  const installed = join(root, 'node_modules/brackish');
  await mkdir(installed, { recursive: true });
  await cp(join(paths.root, 'web/package.json'), join(installed, 'package.json'));
  await cp(join(paths.root, 'web/dist'), join(installed, 'dist'), { recursive: true });
  await writeFile(join(root, 'package.json'), '{ "private": true, "type": "module" }');
  return root;
}

proves('the package runs in the development server of Vite without a setting', async (scope) => {
  const root = await project(scope);
  await writeFile(join(root, 'index.html'), PAGE);
  await writeFile(join(root, 'main.js'), MAIN);
  const { resolve } = createRequire(join(paths.root, 'tests/package.json'));
  const vite = await import(pathToFileURL(resolve('vite')));
  const { createServer } = vite.createServer ? vite : vite.default;
  const server = await createServer({ root, logLevel: 'error', configFile: false, server: { host: '127.0.0.1', port: 0 } });
  scope.defer(() => server.close());
  await server.listen();
  const opened = await (await chromium(scope)).open(server.resolvedUrls.local[0]);
  await opened.waitForFunction(() => window.begun);
  assert.equal(await opened.evaluate(async () => (await window.begun).state), 'seeding');
});

proves('a page in TypeScript compiles against the types', async (scope) => {
  const root = await project(scope);
  await cp(join(paths.root, 'web/test/usage.ts'), join(root, 'usage.ts'));
  const compiler = join(paths.root, 'web/node_modules/typescript/bin/tsc');
  const options = '--noEmit --strict --module esnext --moduleResolution bundler --target es2022'.split(' ');
  const libraries = ['--lib', 'es2022,dom,dom.iterable,dom.asynciterable'];
  const run = promisify(execFile)(process.execPath, [compiler, ...options, ...libraries, 'usage.ts'], { cwd: root });
  const { stdout } = await run.catch((error) => assert.fail(error.stdout));
  assert.equal(stdout, '');
});
