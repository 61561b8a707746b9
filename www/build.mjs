// Builds the web app into dist/: one script, one style sheet, one page, and beside them the Worker
// and the wasm of the package. Nothing is loaded from elsewhere.
//
// The package is taken from ../web/dist, or from the folder that BRACKISH_PACKAGE names.

import { build } from 'esbuild';
import { access, copyFile, mkdir, rm } from 'node:fs/promises';
import { dirname, join, resolve } from 'node:path';
import { fileURLToPath } from 'node:url';

const here = dirname(fileURLToPath(import.meta.url));
const packageFolder = resolve(process.env.BRACKISH_PACKAGE ?? join(here, '../web/dist'));
const output = resolve(process.env.BRACKISH_WWW_OUT ?? join(here, 'dist'));

const fromPackage = ['worker.js', 'brackish_bg.wasm'];
const fromHere = ['index.html', 'icon.svg'];

for (const name of ['index.js', ...fromPackage]) {
  const path = join(packageFolder, name);
  try {
    await access(path);
  } catch {
    console.error(`www: ${path} is missing: build the package first (cargo xtask build-web)`);
    process.exit(1);
  }
}

await rm(output, { recursive: true, force: true });
await mkdir(output, { recursive: true });
await build({
  absWorkingDir: here,
  entryPoints: { app: 'src/main.ts' },
  outdir: output,
  bundle: true,
  minify: true,
  format: 'esm',
  target: ['es2022'],
  alias: { brackish: join(packageFolder, 'index.js') },
  legalComments: 'none',
  logLevel: 'warning',
});
await build({
  absWorkingDir: here,
  entryPoints: { app: 'src/styles/app.css' },
  outdir: output,
  bundle: true,
  minify: true,
  target: ['chrome110', 'firefox110', 'safari16'],
  logLevel: 'warning',
});
await Promise.all([
  ...fromPackage.map((name) => copyFile(join(packageFolder, name), join(output, name))),
  ...fromHere.map((name) => copyFile(join(here, name), join(output, name))),
]);
