// What a person may paste or put after the `#` of the address, and whether it can be a torrent.

/** Something to open. */
export interface Source {
  /** A magnet link, or the absolute URL of a `.torrent`. */
  readonly text: string;
  /** A name to show until the torrent's own is known. */
  readonly name: string;
}

/** Reads a magnet link, a bare info-hash, or the URL of a `.torrent`; `null` when it is none. */
export function parseSource(input: string, base: string): Source | null {
  const text = input.trim();
  if (/^magnet:/i.test(text)) return parseMagnet(text);
  if (/^([0-9a-f]{40}|[a-z2-7]{32})$/i.test(text)) {
    return { text: `magnet:?xt=urn:btih:${text}`, name: text.toLowerCase() };
  }
  if (/^https?:\/\//i.test(text) || /^\.{0,2}\//.test(text) || /\.torrent$/i.test(text)) {
    return parseUrl(text, base);
  }
  return null;
}

/** The source that an address carries after its `#`, percent-encoded or not; `''` when it has none. */
export function hashOf(location: Location): string {
  const raw = location.hash.slice(1);
  if (/^[a-z]+%3a/i.test(raw)) {
    try {
      return decodeURIComponent(raw);
    } catch {
      return raw;
    }
  }
  return raw;
}

function parseMagnet(text: string): Source | null {
  const query = new URLSearchParams(text.slice(text.indexOf(':') + 1).replace(/^\?/, ''));
  const topics = [...query.entries()].filter(([key]) => /^xt(\.\d+)?$/.test(key));
  const hash = topics.map(([, value]) => /^urn:bt[im]h:(.+)$/i.exec(value)?.[1]).find(Boolean);
  if (!hash) return null;
  return { text, name: query.get('dn') || hash.toLowerCase() };
}

function parseUrl(text: string, base: string): Source | null {
  try {
    const url = new URL(text, base);
    if (url.protocol !== 'http:' && url.protocol !== 'https:') return null;
    const last = url.pathname.split('/').filter(Boolean).pop() ?? url.host;
    return { text: url.href, name: decoded(last).replace(/\.torrent$/i, '') || url.host };
  } catch {
    return null;
  }
}

function decoded(text: string): string {
  try {
    return decodeURIComponent(text);
  } catch {
    return text;
  }
}
