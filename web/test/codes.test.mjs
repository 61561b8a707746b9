// The error codes of the package: each is in the README, and a test provokes it.

import assert from 'node:assert/strict';
import { readdir, readFile } from 'node:fs/promises';
import { basename, join } from 'node:path';

import * as paths from '../../tests/harness/paths.mjs';
import { proves } from '../../tests/harness/scope.mjs';

const read = (...path) => readFile(join(paths.root, 'web', ...path), 'utf8');

proves('each error code is documented, and provoked by a test', async () => {
  const source = await read('src/error.ts');
  const union = source.slice(source.indexOf('type ErrorCode'), source.indexOf(';', source.indexOf('type ErrorCode')));
  const codes = [...union.matchAll(/\| '([a-z-]+)'/g)].map(([, code]) => code);
  assert.ok(codes.length > 15);
  const readme = await read('README.md');
  const table = readme.slice(readme.indexOf('| code |'));
  assert.deepEqual(codes.filter((code) => !table.includes(`\`${code}\``)), []);
  const own = basename(import.meta.filename);
  const files = (await readdir(join(paths.root, 'web/test'))).filter((file) => /\.test\.mjs$/.test(file) && file !== own);
  const tests = (await Promise.all(files.map((file) => read('test', file)))).join('\n');
  assert.deepEqual(codes.filter((code) => !tests.includes(`'${code}'`)), []);
});
