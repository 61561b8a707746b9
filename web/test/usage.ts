// What a page in TypeScript writes, for the compiler alone: see bundled.test.mjs.

import { BrackishError, createClient, type Bytes, type Torrent } from 'brackish';

export async function use(torrent: Torrent): Promise<Blob[]> {
  const client = await createClient({ maxPeers: 10 });
  const bytes: Bytes | null = torrent.torrentFile;
  if (bytes) await client.add(bytes);
  const parts: BlobPart[] = [torrent.pieces];
  for (const file of torrent.files) {
    for await (const part of file.stream()) parts.push(part);
  }
  torrent.on('warning', (warning: BrackishError) => console.log(warning.code === 'no-tracker'));
  return [new Blob([torrent.torrentFile ?? '']), new Blob(parts)];
}
