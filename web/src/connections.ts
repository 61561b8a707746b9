/**
 * The page's peer connections, made when the Worker says so: only a page can make them. Their data
 * channels are handed to the Worker at once, so that payload never touches the page's thread;
 * where the browser cannot hand them over, payload is relayed, without being copied.
 */

import { BrackishError } from './error.js';
import type { Command, Message } from './protocol.js';

/**
 * Milliseconds after the first candidate at which a description is sent with those there are.
 * Gathering ends by itself in a few, except while a STUN server does not answer.
 */
const GATHERING_PATIENCE = 1000;

/**
 * A relayed channel asks for more when its send buffer is down to this many bytes, and what it holds up to them counts as
 * taken; as in `channel.rs`.
 */
const LOW = 256 * 1024;

type Signal = Extract<
  Message,
  { type: 'makeOffer' | 'makeAnswer' | 'applyAnswer' | 'closeConnection' }
>;

/** Every peer connection of a client. */
export class Connections {
  readonly #peers = new Map<number, RTCPeerConnection>();
  readonly #configuration: RTCConfiguration;
  readonly #send: (command: Command, transfer?: Transferable[]) => void;
  readonly #warn: (warning: BrackishError) => void;
  #transferable = true;

  constructor(
    iceServers: RTCIceServer[],
    send: (command: Command, transfer?: Transferable[]) => void,
    warn: (warning: BrackishError) => void,
  ) {
    this.#configuration = { iceServers };
    this.#send = send;
    this.#warn = warn;
  }

  /** Does what the Worker says. */
  handle(signal: Signal): void {
    const { connection } = signal;
    const doing =
      signal.type === 'makeOffer'
        ? this.#makeOffer(connection)
        : signal.type === 'makeAnswer'
          ? this.#makeAnswer(connection, signal.offer)
          : signal.type === 'applyAnswer'
            ? this.#peers.get(connection)?.setRemoteDescription({ type: 'answer', sdp: signal.answer })
            : this.#close(connection);
    doing?.catch((error: unknown) => this.#failed(connection, error));
  }

  /** Closes every connection. */
  close(): void {
    for (const peer of this.#peers.values()) peer.close();
    this.#peers.clear();
  }

  async #makeOffer(connection: number): Promise<void> {
    const peer = this.#make(connection);
    this.#giveChannel(connection, peer.createDataChannel('brackish'));
    await this.#describe(connection, peer);
  }

  async #makeAnswer(connection: number, offer: string): Promise<void> {
    const peer = this.#make(connection);
    // A channel can be handed over inside this event, and not later.
    peer.ondatachannel = ({ channel }) => {
      peer.ondatachannel = null;
      this.#giveChannel(connection, channel);
    };
    await peer.setRemoteDescription({ type: 'offer', sdp: offer });
    await this.#describe(connection, peer);
  }

  #make(connection: number): RTCPeerConnection {
    const peer = new RTCPeerConnection(this.#configuration);
    this.#peers.set(connection, peer);
    peer.onconnectionstatechange = () => {
      if (peer.connectionState === 'failed') this.#lost(connection, 'no way was found to reach the peer');
    };
    return peer;
  }

  async #describe(connection: number, peer: RTCPeerConnection): Promise<void> {
    await peer.setLocalDescription();
    await gathered(peer);
    const sdp = peer.localDescription?.sdp;
    if (sdp && this.#peers.has(connection)) this.#send({ type: 'description', connection, sdp });
  }

  #close(connection: number): undefined {
    this.#peers.get(connection)?.close();
    this.#peers.delete(connection);
  }

  /** A connection could not be made or completed; there may be none to close. */
  #failed(connection: number, error: unknown): void {
    if (isPeerLimit(error)) this.#warn(peerLimit(error));
    this.#close(connection);
    this.#send({ type: 'closed', connection, reason: String(error) });
  }

  #lost(connection: number, reason: string): void {
    if (!this.#peers.has(connection)) return;
    this.#close(connection);
    this.#send({ type: 'closed', connection, reason });
  }

  #giveChannel(connection: number, channel: RTCDataChannel): void {
    if (this.#transferable) {
      try {
        const transfer = [channel as unknown as Transferable];
        return this.#send({ type: 'channel', connection, channel }, transfer);
      } catch {
        // A browser that cannot do it once never can.
        this.#transferable = false;
      }
    }
    const { port1, port2 } = new MessageChannel();
    relay(channel, port1);
    this.#send({ type: 'relay', connection, port: port2 }, [port2]);
  }
}

/** Whether a browser says that it makes no more peer connections: Chromium allows 500 for a page, closed ones of late too. */
export function isPeerLimit(error: unknown): boolean {
  return error instanceof DOMException && /so many/i.test(error.message);
}

/** The error for that. */
export function peerLimit(cause: unknown): BrackishError {
  const message =
    'the browser makes no more peer connections for this page: close other pages or torrents, or lower `maxPeers`';
  return new BrackishError('peer-limit', message, { cause });
}

/** Resolves once the local description has its candidates. */
function gathered(peer: RTCPeerConnection): Promise<void> {
  return new Promise((resolve) => {
    let patience: ReturnType<typeof setTimeout> | undefined;
    const done = () => {
      clearTimeout(patience);
      peer.onicecandidate = peer.onicegatheringstatechange = null;
      resolve();
    };
    if (peer.iceGatheringState === 'complete') return done();
    peer.onicegatheringstatechange = () => {
      if (peer.iceGatheringState === 'complete') done();
    };
    peer.onicecandidate = ({ candidate }) => {
      if (candidate) patience ??= setTimeout(done, GATHERING_PATIENCE);
    };
  });
}

/** Buffers are payload in both directions; numbers tell the Worker how many bytes the channel took. */
function relay(channel: RTCDataChannel, port: MessagePort): void {
  let outstanding = 0;
  const settle = () => {
    const taken = outstanding - Math.max(channel.bufferedAmount - LOW, 0);
    if (taken <= 0) return;
    outstanding -= taken;
    port.postMessage(taken);
  };
  channel.binaryType = 'arraybuffer';
  channel.bufferedAmountLowThreshold = LOW;
  channel.onbufferedamountlow = settle;
  channel.onopen = () => port.postMessage(true);
  channel.onclose = () => port.postMessage(false);
  channel.onmessage = ({ data }: MessageEvent<ArrayBuffer | string>) =>
    port.postMessage(data, typeof data === 'string' ? [] : [data]);
  port.onmessage = ({ data }: MessageEvent<ArrayBuffer>) => {
    if (channel.readyState !== 'open') return;
    outstanding += data.byteLength;
    try {
      channel.send(data);
    } catch {
      // The buffer is full beyond what was agreed, or the channel just closed: either ends it.
      channel.close();
    }
    settle();
  };
  if (channel.readyState === 'open') port.postMessage(true);
}
