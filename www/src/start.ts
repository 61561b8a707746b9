// The start panel: paste a link, choose a `.torrent`, or choose files to share.

import { h, setText, uniqueId } from './dom.js';
import { parseSource, type Source } from './source.js';

/** What a person can ask for here. */
export interface StartActions {
  open(source: Source): void;
  openFile(file: File): void;
  seed(files: File[]): void;
}

/** The panel that opens and shares. */
export class StartPanel {
  readonly element: HTMLElement;
  private readonly input: HTMLInputElement;
  private readonly problem: HTMLElement;

  constructor(private readonly actions: StartActions) {
    const inputId = uniqueId('source');
    const problemId = uniqueId('problem');
    this.problem = h('p', { id: problemId, class: 'problem', role: 'alert' });
    this.input = h('input', {
      id: inputId,
      type: 'text',
      inputmode: 'url',
      autocomplete: 'off',
      autocapitalize: 'off',
      spellcheck: 'false',
      placeholder: 'magnet:?xt=… or https://….torrent',
      'aria-describedby': problemId,
    });
    const form = h(
      'form',
      { class: 'open-form', novalidate: true },
      h('label', { for: inputId }, 'Magnet link, or address of a .torrent'),
      h('div', { class: 'link-row' }, this.input, h('button', { type: 'submit', class: 'button primary' }, 'Open')),
      this.problem,
    );
    form.addEventListener('submit', (event) => {
      event.preventDefault();
      this.submit();
    });
    this.input.addEventListener('input', () => this.complain(''));
    const torrentPicker = picker({ accept: '.torrent,application/x-bittorrent' }, (files) => {
      if (files[0]) actions.openFile(files[0]);
    });
    const filePicker = picker({ multiple: true }, (files) => actions.seed(files));
    const folderPicker = picker({ webkitdirectory: true }, (files) => actions.seed(files));
    this.element = h(
      'div',
      { class: 'start' },
      h('h2', { class: 'headline' }, 'Files between browsers, and every BitTorrent client'),
      h('p', { class: 'lead' }, 'Open a link to download, or choose files to share. Data goes from peer to peer and is checked piece by piece.'),
      h(
        'div',
        { class: 'start-grid' },
        h(
          'section',
          { class: 'panel', 'aria-label': 'Download' },
          h('h3', {}, 'Download'),
          form,
          h('p', { class: 'or' }, h('button', { type: 'button', class: 'button', 'data-pick': 'torrent' }, 'Choose a .torrent file'), torrentPicker),
        ),
        h(
          'section',
          { class: 'panel share-panel', 'aria-label': 'Share' },
          h('h3', {}, 'Share'),
          h('p', {}, 'Drop files anywhere on this page, or choose them. They stay on this device: the page hands out pieces while it is open, and gives you a link.'),
          h(
            'p',
            { class: 'or' },
            h('button', { type: 'button', class: 'button primary', 'data-pick': 'files' }, 'Choose files'),
            h('button', { type: 'button', class: 'button', 'data-pick': 'folder' }, 'Choose a folder'),
            filePicker,
            folderPicker,
          ),
        ),
      ),
    );
    const pickers = { torrent: torrentPicker, files: filePicker, folder: folderPicker };
    for (const [name, input] of Object.entries(pickers)) {
      this.element.querySelector(`[data-pick=${name}]`)?.addEventListener('click', () => input.click());
    }
  }

  /** Puts the cursor where a link goes. */
  focus(): void {
    this.input.focus();
  }

  /** Says what is wrong with a link, beside the field that shows it. */
  reject(text: string, reason: string): void {
    this.input.value = text;
    this.complain(reason);
    this.input.focus();
  }

  private submit(): void {
    const text = this.input.value.trim();
    if (text === '') return this.complain('Paste a link first.');
    const source = parseSource(text, location.href);
    if (!source) return this.complain(NOT_A_SOURCE);
    this.input.value = '';
    this.actions.open(source);
  }

  private complain(text: string): void {
    setText(this.problem, text);
    if (text === '') this.input.removeAttribute('aria-invalid');
    else this.input.setAttribute('aria-invalid', 'true');
  }
}

/** Why a pasted text was refused. */
export const NOT_A_SOURCE =
  'This is neither a magnet link nor the address of a .torrent. A magnet link begins with magnet:?xt=urn:btih:';

function picker(attributes: Record<string, string | boolean>, chosen: (files: File[]) => void): HTMLInputElement {
  const input = h('input', { type: 'file', hidden: true, tabindex: '-1', ...attributes });
  input.addEventListener('change', () => {
    const files = [...(input.files ?? [])];
    input.value = '';
    if (files.length > 0) chosen(files);
  });
  return input;
}
