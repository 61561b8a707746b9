// A data channel and nothing else: what a pair of browsers can carry at most.

import { chromium } from '../harness/browser.mjs';
import { serve } from '../harness/net.mjs';

// Runs on the page and, with a transferred channel, in a Worker.
const PUMP = `
const MESSAGE = 64 * 1024;
const HIGH = 1024 * 1024;

function send(channel, bytes) {
  return new Promise((resolve, reject) => {
    const message = new Uint8Array(MESSAGE);
    let left = bytes;
    const more = () => {
      while (left > 0 && channel.bufferedAmount < HIGH) {
        channel.send(message);
        left -= MESSAGE;
      }
      if (left <= 0) resolve();
    };
    channel.bufferedAmountLowThreshold = HIGH / 4;
    channel.onbufferedamountlow = more;
    channel.onclose = () => reject(new Error('the channel was closed'));
    if (channel.readyState === 'open') more();
    else channel.onopen = more;
  });
}

function receive(channel, bytes) {
  return new Promise((resolve, reject) => {
    let left = bytes;
    let started;
    channel.binaryType = 'arraybuffer';
    channel.onclose = () => reject(new Error('the channel was closed'));
    channel.onmessage = ({ data }) => {
      started ??= performance.now();
      left -= data.byteLength;
      if (left <= 0) resolve((performance.now() - started) / 1000);
    };
  });
}`;

const WORKER = `${PUMP}
onmessage = async ({ data: { role, channel, bytes } }) => {
  const seconds = await (role === 'send' ? send : receive)(channel, bytes);
  postMessage(seconds);
};`;

const PAGE = `<!doctype html><meta charset="utf-8"><title>channel</title><script>${PUMP}
const connection = new RTCPeerConnection();

// What becomes of the channel: its seconds, once all is through.
let through;

function carry(role, channel, bytes, worker) {
  if (!worker) return (role === 'send' ? send : receive)(channel, bytes);
  return new Promise((resolve, reject) => {
    const thread = new Worker('/worker.js');
    thread.onmessage = ({ data }) => resolve(data);
    thread.onerror = (event) => reject(new Error(event.message));
    thread.postMessage({ role, channel, bytes }, [channel]);
  });
}

async function gathered(description) {
  await connection.setLocalDescription(description);
  while (connection.iceGatheringState !== 'complete') {
    await new Promise((resolve) => connection.addEventListener('icegatheringstatechange', resolve, { once: true }));
  }
  return connection.localDescription.toJSON();
}

window.peer = {
  offer(bytes, worker) {
    through = carry('send', connection.createDataChannel('pump'), bytes, worker);
    return connection.createOffer().then(gathered);
  },
  async answer(offer, bytes, worker) {
    through = new Promise((resolve, reject) => {
      // Transferring must be done inside the handler.
      connection.ondatachannel = ({ channel }) => carry('receive', channel, bytes, worker).then(resolve, reject);
    });
    await connection.setRemoteDescription(offer);
    return gathered(await connection.createAnswer());
  },
  accept: (answer) => connection.setRemoteDescription(answer),
  through: () => through,
};
document.documentElement.dataset.ready = '';
</script>`;

/** Two browsers, each with one end of a channel. */
export async function channelPair(scope) {
  const open = async (name) => {
    const origin = await serve(scope, { '/': PAGE, '/worker.js': WORKER });
    const browser = await chromium(scope, { name });
    const page = await browser.open(`${origin}/`);
    await page.waitForSelector('html[data-ready]');
    return { browser, page };
  };
  const sender = await open('sender');
  const receiver = await open('receiver');
  return {
    sender: sender.browser,
    receiver: receiver.browser,
    /** Sends that much, on the pages' threads or in Workers, and resolves to the receiver's seconds. */
    async pump(bytes, worker) {
      const offer = await sender.page.evaluate((bytes, worker) => window.peer.offer(bytes, worker), bytes, worker);
      const answer = await receiver.page.evaluate(
        (offer, bytes, worker) => window.peer.answer(offer, bytes, worker),
        offer,
        bytes,
        worker,
      );
      await sender.page.evaluate((answer) => window.peer.accept(answer), answer);
      return receiver.page.evaluate(() => window.peer.through());
    },
  };
}
