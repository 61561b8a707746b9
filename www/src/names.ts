// Names under which a torrent's files can be saved on every system.

/** For each path, its components as every file system can have them, and unlike those of all others there. */
export function savePaths(paths: readonly string[]): string[][] {
  const saved = paths.map((path) => path.split('/').filter((part) => part !== '').map(savable));
  const order = saved.map((_, at) => at);
  // Those that keep their names come first, so that none of the others gets one of theirs.
  const changed = (at: number) => (saved[at]?.join('/') === paths[at] ? 0 : 1);
  order.sort((a, b) => changed(a) - changed(b) || a - b);
  const folders = new Set(saved.flatMap((parts) => parts.slice(1).map((_, depth) => key(parts.slice(0, depth + 1)))));
  // For each path taken, the number that the next file of this path tries.
  const taken = new Map<string, number>();
  for (const at of order) {
    const parts = saved[at];
    const name = parts?.pop();
    if (!parts || name === undefined) continue;
    const own = key([...parts, name]);
    const dot = name.lastIndexOf('.');
    const end = dot > 0 ? dot : name.length;
    let numbered = name;
    let number = taken.get(own) ?? 2;
    for (let path = own; taken.has(path) || folders.has(path); number += 1) {
      numbered = `${name.slice(0, end)} (${number})${name.slice(end)}`;
      path = key([...parts, numbered]);
    }
    taken.set(own, number);
    taken.set(key([...parts, numbered]), 2);
    parts.push(numbered);
  }
  return saved;
}

/** What paths have in common that a file system may take for one. */
function key(parts: readonly string[]): string {
  return parts.join('/').toLowerCase();
}

/** The name with everything replaced that some system refuses. */
function savable(name: string): string {
  const device = /^(con|prn|aux|nul|com[0-9¹²³]|lpt[0-9¹²³]|conin\$|conout\$) *(\.|$)/i;
  return `${device.test(name) ? '_' : ''}${name}`
    .replace(/[\\<>:"|?*]/g, '_')
    .replace(/[. ]+$/, (end) => '_'.repeat(end.length));
}
