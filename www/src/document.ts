// What the page says of itself as a whole: the state on the root element, its title, and what a
// screen reader hears.

import { byId } from './dom.js';
import { wholePercent } from './format.js';

/** The states that scripts and tests can wait for on the root element. */
export type RootState = 'idle' | 'metadata' | 'downloading' | 'done' | 'error';

/** Shows the state of the newest torrent on the root element and in the title. */
export function showDocument(state: RootState, progress: number, name: string): void {
  const root = document.documentElement;
  const fraction = String(Math.min(1, Math.max(0, progress)));
  if (root.dataset['progress'] !== fraction) root.dataset['progress'] = fraction;
  if (root.dataset['state'] !== state) root.dataset['state'] = state;
  const title = titleOf(state, progress, name);
  if (document.title !== title) document.title = title;
}

/** Says something once to those who listen to the page. */
export function announce(text: string): void {
  byId('announcer').textContent = text;
}

function titleOf(state: RootState, progress: number, name: string): string {
  switch (state) {
    case 'idle':
      return 'Brackish';
    case 'metadata':
      return `… ${name}`;
    case 'downloading':
      return `${wholePercent(progress)}% ${name}`;
    case 'done':
      return `✓ ${name}`;
    case 'error':
      return `⚠ ${name || 'Brackish'}`;
  }
}
