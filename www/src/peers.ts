// The list of connected peers.

import type { PeerInfo } from 'brackish';
import { h, setText, uniqueId } from './dom.js';
import { percent, rate } from './format.js';

/** Most peers listed; the rest are counted. */
const MOST_ROWS = 12;

/** The connected peers of one torrent, by client. */
export class PeerList {
  readonly element: HTMLElement;
  private readonly body: HTMLElement;
  private readonly table: HTMLTableElement;
  private readonly hint: HTMLElement;
  private readonly rows: PeerRow[] = [];

  constructor() {
    const headingId = uniqueId('peers');
    this.body = h('tbody');
    this.hint = h('p', { class: 'hint' });
    this.table = h(
      'table',
      { 'aria-labelledby': headingId },
      h(
        'thead',
        {},
        h(
          'tr',
          {},
          h('th', { scope: 'col' }, 'Client'),
          h('th', { scope: 'col', class: 'figure' }, 'Has'),
          h('th', { scope: 'col', class: 'figure' }, 'Down'),
          h('th', { scope: 'col', class: 'figure' }, 'Up'),
        ),
      ),
      this.body,
    );
    this.element = h(
      'section',
      { class: 'panel peers', 'aria-labelledby': headingId },
      h('div', { class: 'panel-head' }, h('h3', { id: headingId }, 'Peers'), this.hint),
      this.table,
    );
    this.set([], false);
  }

  /** Shows these peers. */
  set(peers: readonly PeerInfo[], seeding: boolean): void {
    const shown = [...peers].sort((a, b) => busy(b) - busy(a)).slice(0, MOST_ROWS);
    this.table.hidden = shown.length === 0;
    const more = peers.length - shown.length;
    if (peers.length === 0) setText(this.hint, seeding ? 'nobody else is here now' : 'looking for peers');
    else setText(this.hint, more > 0 ? `${peers.length} connected, the busiest ${MOST_ROWS} shown` : `${peers.length} connected`);
    while (this.rows.length > shown.length) this.rows.pop()?.element.remove();
    shown.forEach((peer, index) => {
      let row = this.rows[index];
      if (!row) {
        row = new PeerRow();
        this.rows.push(row);
        this.body.append(row.element);
      }
      row.set(peer);
    });
  }
}

class PeerRow {
  readonly element: HTMLElement;
  private readonly client = h('td', { class: 'client' });
  private readonly has = h('td', { class: 'figure' });
  private readonly down = h('td', { class: 'figure' });
  private readonly up = h('td', { class: 'figure' });

  constructor() {
    this.element = h('tr', {}, this.client, this.has, this.down, this.up);
  }

  set(peer: PeerInfo): void {
    setText(this.client, peer.client || 'Unknown client');
    setText(this.has, percent(peer.progress));
    setText(this.down, rate(peer.downloadRate));
    setText(this.up, rate(peer.uploadRate));
  }
}

function busy(peer: PeerInfo): number {
  return peer.downloadRate + peer.uploadRate;
}
