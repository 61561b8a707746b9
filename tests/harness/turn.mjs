// coturn: a STUN and TURN server that other people run.

import { freePort } from './net.mjs';
import { program } from './paths.mjs';
import { start } from './process.mjs';
import { seconds, until } from './time.mjs';

const [USER, PASSWORD] = ['user', 'password'];

/** A server on these addresses of this machine; `url` is for `--ice-server`, by the address that the client can reach. */
export async function turn(scope, addresses) {
  const port = await freePort();
  const server = start(scope, program(['turnserver']), [
    '-n',
    '--no-cli',
    '--no-tls',
    '--no-dtls',
    '--lt-cred-mech',
    `--user=${USER}:${PASSWORD}`,
    '--realm=test',
    '--log-file=stdout',
    '--simple-log',
    '--verbose',
    `--listening-port=${port}`,
    ...addresses.flatMap((address) => [`--listening-ip=${address}`, `--relay-ip=${address}`]),
  ]);
  await until('coturn listens', () => /IPv4\. UDP listener opened/.test(server.stdout + server.stderr), { within: seconds(20) });
  return Object.assign(server, {
    url: (address) => `turn:${USER}:${PASSWORD}@${address}:${port}`,
    /** Whether it has relayed for someone. */
    relayed: () => /ALLOCATE processed, success/.test(server.stdout + server.stderr),
  });
}
