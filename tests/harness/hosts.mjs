// Hosts that cannot reach each other: network namespaces, each with a link to this machine and to nothing else.

import { program } from './paths.mjs';
import { run } from './process.mjs';

/** 10.77.x.0/24 with x from here on, so that tests that run at once do not meet. */
let next = 1 + (process.pid % 200);

/** Whether this machine lets us make hosts: only root may, and not in every container. */
export async function canMakeHosts(scope) {
  if (process.getuid?.() !== 0) return false;
  const name = `bk${process.pid}probe`;
  const { code } = await ip(scope, 'netns', 'add', name);
  if (code === 0) await ip(scope, 'netns', 'del', name);
  return code === 0;
}

/** A host; `gateway` is this machine's address on the link to it, `command` is what runs a program on it. */
export async function host(scope) {
  const number = next++;
  const [name, link] = [`bk${process.pid}n${number}`, `bk${number}v${process.pid % 100000}`];
  const [gateway, address] = [`10.77.${number}.1`, `10.77.${number}.2`];
  const inside = ['netns', 'exec', name, program(['ip'])];
  await must(scope, 'netns', 'add', name);
  scope.defer(() => ip(scope, 'netns', 'del', name));
  await must(scope, 'link', 'add', link, 'type', 'veth', 'peer', 'name', 'eth0', 'netns', name);
  await must(scope, 'addr', 'add', `${gateway}/24`, 'dev', link);
  await must(scope, 'link', 'set', link, 'up');
  await must(scope, ...inside, 'addr', 'add', `${address}/24`, 'dev', 'eth0');
  await must(scope, ...inside, 'link', 'set', 'lo', 'up');
  await must(scope, ...inside, 'link', 'set', 'eth0', 'up');
  return { gateway, address, command: (path, args) => [program(['ip']), ['netns', 'exec', name, path, ...args]] };
}

const ip = (scope, ...args) => run(scope, program(['ip']), args);

async function must(scope, ...args) {
  const { code, stderr } = await ip(scope, ...args);
  if (code !== 0) throw new Error(`ip ${args.join(' ')}: ${stderr}`);
}
