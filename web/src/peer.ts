/** What a peer id says of its client (BEP 20), for peers that do not tell their name. */

const CLIENTS: Record<string, string> = {
  BK: 'Brackish',
  DE: 'Deluge',
  LT: 'libtorrent',
  TR: 'Transmission',
  UT: 'µTorrent',
  WD: 'WebTorrent Desktop',
  WW: 'WebTorrent',
  lt: 'libTorrent',
  qB: 'qBittorrent',
};

/** The client's name and version, or the readable start of the id. */
export function clientName(id: string): string {
  const text = id.replace(/../g, (hex) => String.fromCharCode(parseInt(hex, 16)));
  const [, code = '', version = ''] = /^-([A-Za-z0-9~]{2})([0-9A-Za-z]{4})-/.exec(text) ?? [];
  const name = CLIENTS[code] ?? code;
  if (name === '') return 'unknown';
  const digits = [...version].map((digit) => parseInt(digit, 36)).join('.');
  return `${name} ${digits.replace(/(\.0){1,2}$/, '')}`;
}
