// Files and links dropped anywhere on the page, folders included.

import { byId, setShown } from './dom.js';

/** Most files taken from a dropped folder: a torrent lists each of them. */
const MOST_FILES = 20_000;

/** What was dropped. */
export interface DropActions {
  files(files: File[]): void;
  text(text: string): void;
}

/** Listens for drops on the whole page. */
export function listenForDrops(actions: DropActions): void {
  const zone = byId('dropzone');
  let depth = 0;
  const over = (shown: boolean) => setShown(zone, shown);
  document.addEventListener('dragenter', (event) => {
    if (!wanted(event)) return;
    depth += 1;
    over(true);
  });
  document.addEventListener('dragleave', (event) => {
    if (!wanted(event)) return;
    depth = Math.max(0, depth - 1);
    if (depth === 0) over(false);
  });
  document.addEventListener('dragover', (event) => {
    if (!wanted(event)) return;
    event.preventDefault();
    if (event.dataTransfer) event.dataTransfer.dropEffect = 'copy';
  });
  document.addEventListener('drop', (event) => {
    if (!wanted(event)) return;
    event.preventDefault();
    depth = 0;
    over(false);
    void take(event.dataTransfer, actions);
  });
}

function wanted(event: DragEvent): boolean {
  const types = event.dataTransfer?.types ?? [];
  if (types.includes('Files')) return true;
  // Text dropped into a field belongs to the field.
  return types.includes('text/plain') && !(event.target instanceof HTMLInputElement);
}

async function take(transfer: DataTransfer | null, actions: DropActions): Promise<void> {
  if (!transfer) return;
  // Both lists are emptied once the handler returns, so they are read before the first await.
  const text = transfer.getData('text/uri-list') || transfer.getData('text/plain');
  const plain = [...transfer.files];
  const entries = [...transfer.items].map((item) => item.webkitGetAsEntry?.() ?? null);
  const folders = entries.some((entry) => entry?.isDirectory);
  const files = folders ? await walk(entries) : plain;
  if (files.length > 0) actions.files(files);
  else if (text.trim() !== '') actions.text(text.trim());
}

async function walk(roots: (FileSystemEntry | null)[]): Promise<File[]> {
  const files: File[] = [];
  const queue = roots.filter((entry): entry is FileSystemEntry => entry !== null);
  for (let entry = queue.shift(); entry && files.length < MOST_FILES; entry = queue.shift()) {
    if (entry.isFile) files.push(await fileOf(entry as FileSystemFileEntry));
    else queue.push(...(await childrenOf(entry as FileSystemDirectoryEntry)));
  }
  return files;
}

async function fileOf(entry: FileSystemFileEntry): Promise<File> {
  const file = await new Promise<File>((resolve, reject) => entry.file(resolve, reject));
  // What a folder picker sets by itself: where the file was in the folder.
  Object.defineProperty(file, 'webkitRelativePath', { value: entry.fullPath.replace(/^\//, '') });
  return file;
}

async function childrenOf(folder: FileSystemDirectoryEntry): Promise<FileSystemEntry[]> {
  const reader = folder.createReader();
  const children: FileSystemEntry[] = [];
  for (;;) {
    // A browser gives the children in portions; an empty one ends them.
    const portion = await new Promise<FileSystemEntry[]>((resolve, reject) => reader.readEntries(resolve, reject));
    if (portion.length === 0 || children.length >= MOST_FILES) return children;
    children.push(...portion);
  }
}
