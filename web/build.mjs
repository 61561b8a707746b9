// Builds the package into dist/: index.js with its types, worker.js, and the wasm beside them.
//
// BRACKISH_WASM names the folder with what wasm-bindgen made of crates/wasm: brackish.js,
// brackish.d.ts and brackish_bg.wasm. `cargo xtask build-web` makes it and runs this.

import { build } from 'esbuild';
import { execFileSync } from 'node:child_process';
import { copyFile, mkdir, readdir, rm } from 'node:fs/promises';
import { dirname, join, resolve } from 'node:path';
import { fileURLToPath } from 'node:url';

const here = dirname(fileURLToPath(import.meta.url));
const engine = resolve(here, process.env.BRACKISH_WASM ?? '../target/web');
const dist = join(here, 'dist');
// Where the compiler and the bundler find the engine, whatever its folder.
const linked = join(here, 'node_modules/.brackish-engine');

await mkdir(linked, { recursive: true });
for (const name of ['brackish.js', 'brackish.d.ts']) {
  try {
    await copyFile(join(engine, name), join(linked, name));
  } catch {
    console.error(`web: ${join(engine, name)} is missing: run \`cargo xtask build-web\``);
    process.exit(1);
  }
}

const compiler = join(here, 'node_modules/typescript/bin/tsc');
const tsc = (...args) => {
  try {
    execFileSync(process.execPath, [compiler, ...args], { cwd: here, stdio: 'inherit' });
  } catch {
    process.exit(1);
  }
};
tsc();
await rm(dist, { recursive: true, force: true });
tsc('--project', 'tsconfig.types.json');
// The public types name nothing of the rest.
const publicTypes = ['index.d.ts', 'types.d.ts', 'error.d.ts'];
for (const name of await readdir(dist)) {
  if (!publicTypes.includes(name)) await rm(join(dist, name));
}

await build({
  absWorkingDir: here,
  entryPoints: { index: 'src/index.ts', worker: 'src/worker.ts' },
  outdir: dist,
  bundle: true,
  minify: true,
  format: 'esm',
  target: ['es2022'],
  alias: { 'brackish-engine': join(linked, 'brackish.js') },
  legalComments: 'none',
  logLevel: 'warning',
});
await copyFile(join(engine, 'brackish_bg.wasm'), join(dist, 'brackish_bg.wasm'));
