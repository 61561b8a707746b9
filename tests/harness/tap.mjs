// A TCP relay to a peer that notes the messages that pass (BEP 3), for what no client's log tells. Plain connections alone.

import { connect, createServer } from 'node:net';

/** Bytes of the handshake, before the first message. */
const HANDSHAKE = 68;

/** Longest message that is kept: blocks and bitfields are noted by their first bytes. */
const KEPT = 1024;

/** Relays to the peer on loopback's `port`; `toPeer` and `fromPeer` are the messages so far, `{ id, payload }`. */
export async function tap(scope, port) {
  const [toPeer, fromPeer] = [[], []];
  const sockets = new Set();
  const server = createServer((near) => {
    const far = connect(port, '127.0.0.1');
    for (const [from, to, messages] of [[near, far, toPeer], [far, near, fromPeer]]) {
      sockets.add(from);
      const note = reader(messages);
      from.on('data', (data) => {
        note(data);
        to.write(data);
      });
      from.on('error', () => to.destroy());
      from.on('close', () => to.destroy());
    }
  });
  await new Promise((resolve) => server.listen(0, '127.0.0.1', resolve));
  scope.defer(() => {
    sockets.forEach((socket) => socket.destroy());
    return new Promise((resolve) => server.close(resolve));
  });
  return { port: server.address().port, toPeer, fromPeer };
}

function reader(messages) {
  let waiting = Buffer.alloc(0);
  let shaken = false;
  return (data) => {
    waiting = Buffer.concat([waiting, data]);
    if (!shaken) {
      if (waiting.length < HANDSHAKE) return;
      waiting = waiting.subarray(HANDSHAKE);
      shaken = true;
    }
    while (waiting.length >= 4 && waiting.length >= 4 + waiting.readUInt32BE(0)) {
      const end = 4 + waiting.readUInt32BE(0);
      // Of no length: a keep-alive.
      if (end > 4) messages.push({ id: waiting[4], payload: Buffer.from(waiting.subarray(5, Math.min(end, KEPT))) });
      waiting = waiting.subarray(end);
    }
  };
}
