// A link to pass on: a field to select, a button that copies it, and a QR code to photograph.

import { announce } from './document.js';
import { h, setText, uniqueId } from './dom.js';
import { encodeQr } from './qr.js';

/** How long "Copied" stands on the button, in milliseconds. */
const COPIED_FOR = 2000;
/** Light modules that a code needs around it. */
const QUIET_ZONE = 4;

/** A labelled link with its copy and QR buttons. */
export class LinkBox {
  readonly element: HTMLElement;
  private readonly input: HTMLInputElement;
  private readonly copyButton: HTMLButtonElement;
  private readonly qrButton: HTMLButtonElement;
  private readonly qr: HTMLElement;
  private readonly canvas: HTMLCanvasElement;
  private timer = 0;

  constructor(label: string) {
    const inputId = uniqueId('link');
    const qrId = uniqueId('qr');
    this.input = h('input', {
      id: inputId,
      type: 'text',
      readonly: true,
      spellcheck: 'false',
      autocomplete: 'off',
      'data-link': true,
    });
    this.copyButton = h('button', { type: 'button', class: 'button' }, 'Copy');
    this.qrButton = h(
      'button',
      { type: 'button', class: 'button', 'aria-expanded': 'false', 'aria-controls': qrId },
      'QR code',
    );
    this.canvas = h('canvas', { role: 'img', 'aria-label': 'The link as a QR code' });
    this.qr = h('div', { id: qrId, class: 'qr', hidden: true }, this.canvas);
    this.element = h(
      'div',
      { class: 'link-box' },
      h('label', { for: inputId }, label),
      h('div', { class: 'link-row' }, this.input, this.copyButton, this.qrButton),
      this.qr,
    );
    this.input.addEventListener('focus', () => this.input.select());
    this.copyButton.addEventListener('click', () => void this.copy());
    this.qrButton.addEventListener('click', () => this.toggleQr());
  }

  /** Shows this link. */
  set(link: string): void {
    if (this.input.value === link) return;
    this.input.value = link;
    this.input.dataset['link'] = link;
    if (!this.qr.hidden) this.drawQr();
  }

  private async copy(): Promise<void> {
    const done = await copyText(this.input);
    setText(this.copyButton, done ? 'Copied' : 'Select and copy');
    announce(done ? 'Link copied.' : 'The browser did not let the page copy: the link is selected.');
    window.clearTimeout(this.timer);
    this.timer = window.setTimeout(() => setText(this.copyButton, 'Copy'), COPIED_FOR);
  }

  private toggleQr(): void {
    this.qr.hidden = !this.qr.hidden;
    this.qrButton.setAttribute('aria-expanded', String(!this.qr.hidden));
    if (!this.qr.hidden) this.drawQr();
  }

  private drawQr(): void {
    const rows = encodeQr(this.input.value);
    const context = this.canvas.getContext('2d');
    this.canvas.hidden = rows === null;
    if (!rows || !context) {
      this.qr.append('This link is too long for a QR code.');
      return;
    }
    this.qr.replaceChildren(this.canvas);
    const modules = rows.length + 2 * QUIET_ZONE;
    const scale = Math.max(2, Math.floor(480 / modules));
    this.canvas.width = this.canvas.height = modules * scale;
    context.fillStyle = '#fff';
    context.fillRect(0, 0, this.canvas.width, this.canvas.height);
    context.fillStyle = '#000';
    rows.forEach((row, y) =>
      row.forEach((dark, x) => {
        if (dark) context.fillRect((x + QUIET_ZONE) * scale, (y + QUIET_ZONE) * scale, scale, scale);
      }),
    );
  }
}

/** Copies a field; pages on plain http have no clipboard interface and fall back to the selection. */
async function copyText(input: HTMLInputElement): Promise<boolean> {
  try {
    await navigator.clipboard.writeText(input.value);
    return true;
  } catch {
    input.focus();
    input.select();
    return document.execCommand('copy');
  }
}
