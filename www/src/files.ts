// The files of a torrent, each with its progress and the control that saves it.

import type { TorrentFile } from 'brackish';
import { announce } from './document.js';
import { h, setShown, setText, uniqueId } from './dom.js';
import { bytes, count, wholePercent } from './format.js';
import { detailOf, isAbort } from './messages.js';
import { savePaths } from './names.js';

/** Rows put on the page at once; a torrent can hold many thousands of files. */
const ROWS_AT_ONCE = 100;
/** Without a folder to write to, a browser asks about each file: only so many can be saved at once. */
const MOST_SINGLE_SAVES = 20;

/** The list of files of one torrent. */
export class FileList {
  readonly element: HTMLElement;
  private readonly hint: HTMLElement;
  private readonly list: HTMLElement;
  private readonly saveAll: HTMLButtonElement;
  private readonly more: HTMLButtonElement;
  private readonly status: HTMLElement;
  private readonly rows: FileRow[] = [];
  private files: readonly TorrentFile[] = [];

  /** `savable` is false for files that come from this device anyway. */
  constructor(private readonly savable: boolean) {
    const headingId = uniqueId('files');
    this.hint = h('p', { class: 'hint' }, 'not known yet');
    this.saveAll = h('button', { type: 'button', class: 'button primary', hidden: true, disabled: true }, 'Save all');
    this.list = h('ul', { class: 'files' });
    this.more = h('button', { type: 'button', class: 'button', hidden: true }, 'Show more');
    this.status = h('p', { class: 'hint', role: 'status', hidden: true });
    this.element = h(
      'section',
      { class: 'panel', 'aria-labelledby': headingId },
      h('div', { class: 'panel-head' }, h('h3', { id: headingId }, 'Files'), this.hint, this.saveAll),
      this.list,
      this.more,
      this.status,
    );
    this.saveAll.addEventListener('click', () => void this.saveEverything());
    this.more.addEventListener('click', () => this.showMore());
  }

  /** Shows these files; the first call with any sets the list. */
  set(files: readonly TorrentFile[], done: boolean): void {
    if (files.length === 0) return;
    if (this.files.length === 0) {
      this.files = files;
      setText(this.hint, count(files.length, 'file'));
      setShown(this.saveAll, this.savable && canSaveAll(files));
      this.showMore();
    }
    this.files = files;
    this.rows.forEach((row, index) => row.set(files[index] as TorrentFile));
    if (!this.saveAll.dataset['busy']) this.saveAll.disabled = !done;
  }

  private showMore(): void {
    const until = Math.min(this.files.length, this.rows.length + ROWS_AT_ONCE);
    for (let index = this.rows.length; index < until; index += 1) {
      const row = new FileRow(this.files[index] as TorrentFile, {
        only: this.files.length === 1,
        savable: this.savable,
        say: (text) => this.say(text),
      });
      this.rows.push(row);
      this.list.append(row.element);
    }
    const left = this.files.length - until;
    setShown(this.more, left > 0);
    setText(this.more, `Show ${Math.min(left, ROWS_AT_ONCE)} more of ${left.toLocaleString('en')}`);
  }

  private async saveEverything(): Promise<void> {
    this.saveAll.dataset['busy'] = 'true';
    this.saveAll.disabled = true;
    setText(this.saveAll, 'Saving…');
    try {
      if (window.showDirectoryPicker) await this.saveIntoFolder(window.showDirectoryPicker);
      else for (const file of this.files) await file.save();
      this.say('All files are saved.');
    } catch (error) {
      if (!isAbort(error)) this.say(`Saving failed: ${detailOf(error)}`);
    }
    delete this.saveAll.dataset['busy'];
    this.saveAll.disabled = false;
    setText(this.saveAll, 'Save all');
  }

  private async saveIntoFolder(pick: NonNullable<Window['showDirectoryPicker']>): Promise<void> {
    const folder = await pick.call(window, { id: 'brackish', mode: 'readwrite' });
    // Browsers refuse what one of the systems refuses, and a disk may take two names for one.
    const paths = savePaths(this.files.map((file) => file.path));
    for (const [index, file] of this.files.entries()) {
      this.say(`Saving ${index + 1} of ${this.files.length}`);
      const parts = paths[index] ?? [];
      const name = parts.pop() ?? file.name;
      let parent = folder;
      for (const part of parts) parent = await parent.getDirectoryHandle(part, { create: true });
      const handle = await parent.getFileHandle(name, { create: true });
      await file.stream().pipeTo(await handle.createWritable());
    }
  }

  private say(text: string): void {
    setText(this.status, text);
    setShown(this.status, text !== '');
  }
}

class FileRow {
  readonly element: HTMLElement;
  private readonly button: HTMLButtonElement;
  private readonly size: HTMLElement;
  private file: TorrentFile;

  constructor(
    file: TorrentFile,
    private readonly options: { only: boolean; savable: boolean; say: (text: string) => void },
  ) {
    this.file = file;
    const nameId = uniqueId('file');
    const labelId = uniqueId('save');
    this.size = h('span', { class: 'file-size' });
    this.button = h(
      'button',
      {
        type: 'button',
        class: options.only ? 'button primary' : 'button',
        disabled: true,
        'data-save': file.path,
        id: labelId,
        'aria-labelledby': `${labelId} ${nameId}`,
      },
      'Save',
    );
    const slash = file.path.lastIndexOf('/');
    this.element = h(
      'li',
      { class: 'file' },
      h(
        'span',
        { class: 'file-name', id: nameId },
        slash >= 0 ? h('span', { class: 'file-folder' }, file.path.slice(0, slash + 1)) : null,
        h('bdi', {}, file.path.slice(slash + 1)),
      ),
      this.size,
      options.savable ? this.button : null,
    );
    this.button.addEventListener('click', () => void this.save());
    this.set(file);
  }

  set(file: TorrentFile): void {
    this.file = file;
    const whole = file.progress >= 1;
    setText(this.size, whole || this.options.only ? bytes(file.length) : `${wholePercent(file.progress)}% of ${bytes(file.length)}`);
    if (!this.button.dataset['busy'] && this.button.disabled === whole) this.button.disabled = !whole;
  }

  private async save(): Promise<void> {
    this.button.dataset['busy'] = 'true';
    this.button.disabled = true;
    setText(this.button, 'Saving…');
    try {
      await this.file.save();
      announce(`Saved ${this.file.name}.`);
    } catch (error) {
      if (!isAbort(error)) this.options.say(`${this.file.name} could not be saved: ${detailOf(error)}`);
    }
    delete this.button.dataset['busy'];
    this.button.disabled = false;
    setText(this.button, 'Save');
  }
}

function canSaveAll(files: readonly TorrentFile[]): boolean {
  return files.length > 1 && (window.showDirectoryPicker !== undefined || files.length <= MOST_SINGLE_SAVES);
}

declare global {
  interface Window {
    /** Chromium only, and only in a secure context. */
    showDirectoryPicker?(options?: { id?: string; mode?: 'read' | 'readwrite' }): Promise<FileSystemDirectoryHandle>;
  }
}
