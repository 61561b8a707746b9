// A certificate authority of one test, and a certificate for this machine.

import { writeFile } from 'node:fs/promises';
import { join } from 'node:path';

import { program } from './paths.mjs';
import { run } from './process.mjs';

/** Paths in PEM: `authority` is what has to be trusted, `certificate` and `key` are for a server on `127.0.0.1` or `localhost`. */
export async function certificate(scope) {
  const folder = await scope.folder('certificate');
  const [authority, authorityKey, request, certificate, key, extensions] = [
    'authority.pem',
    'authority-key.pem',
    'request.pem',
    'certificate.pem',
    'key.pem',
    'extensions',
  ].map((name) => join(folder, name));
  const fresh = ['req', '-newkey', 'ec', '-pkeyopt', 'ec_paramgen_curve:P-256', '-nodes'];
  await openssl(scope, ...fresh, '-x509', '-days', '2', '-subj', '/CN=test authority', '-keyout', authorityKey, '-out', authority);
  await openssl(scope, ...fresh, '-subj', '/CN=localhost', '-keyout', key, '-out', request);
  await writeFile(extensions, 'subjectAltName=DNS:localhost,IP:127.0.0.1\nbasicConstraints=CA:FALSE\n');
  const signing = ['-CA', authority, '-CAkey', authorityKey, '-CAcreateserial', '-days', '2', '-extfile', extensions];
  await openssl(scope, 'x509', '-req', '-in', request, ...signing, '-out', certificate);
  return { authority, certificate, key };
}

async function openssl(scope, ...args) {
  const { code, stderr } = await run(scope, program(['openssl']), args);
  if (code !== 0) throw new Error(`openssl ${args[0]}: ${stderr}`);
}
