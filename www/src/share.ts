// What `brackish share` puts beside the page: which torrent it is there for, and its tracker.

/** The content of `share.json`. */
export interface Share {
  /** The name of what is shared. */
  readonly name: string;
  /** The absolute URL of its `.torrent`. */
  readonly torrent: string;
  /** Addresses of this page that other machines can open; known when this one is loopback's. */
  readonly links: readonly string[];
  /** The STUN and TURN servers to use; `null` for the package's own choice. */
  readonly iceServers: readonly RTCIceServer[] | null;
  /** The WebSocket tracker on the page's own origin. */
  readonly tracker: string;
}

/** Asks for `share.json`; `null` when the page is hosted without one. */
export async function loadShare(): Promise<Share | null> {
  if (location.protocol !== 'http:' && location.protocol !== 'https:') return null;
  try {
    const response = await fetch(new URL('share.json', pageUrl()), { cache: 'no-store' });
    if (!response.ok) return null;
    return readShare(await response.json());
  } catch {
    // A static host may answer with anything at all.
    return null;
  }
}

/** The address of this page without its `#`. */
export function pageUrl(): string {
  return location.href.replace(/#.*$/s, '');
}

/** Whether only this machine can open an address. */
export function isLoopback(host: string): boolean {
  return host === 'localhost' || host.endsWith('.localhost') || host === '[::1]' || /^127\./.test(host);
}

function readShare(value: unknown): Share | null {
  if (typeof value !== 'object' || value === null) return null;
  const { name, torrent, links, iceServers } = value as Record<string, unknown>;
  if (typeof torrent !== 'string') return null;
  const tracker = new URL('announce', location.origin + '/');
  tracker.protocol = location.protocol === 'https:' ? 'wss:' : 'ws:';
  return {
    name: typeof name === 'string' ? name : '',
    torrent: new URL(torrent, pageUrl()).href,
    links: Array.isArray(links) ? links.filter((link) => typeof link === 'string') : [],
    iceServers: Array.isArray(iceServers)
      ? iceServers.filter((url) => typeof url === 'string').map((urls: string) => ({ urls }))
      : null,
    tracker: tracker.href,
  };
}
