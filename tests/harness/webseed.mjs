// A plain HTTP server with a folder of files, as web seeds are, and the ways in which some are no good.

import { createReadStream } from 'node:fs';
import { readFile, stat } from 'node:fs/promises';
import { createServer } from 'node:http';
import { join, normalize } from 'node:path';

/**
 * Serves `folder` on loopback. `ranges: false` sends whole files only; `lies` changes a byte in every 10,000; `cors: false`
 * does not let pages read it. The URL ends in a slash; `requests` has the path and range of each request.
 */
export async function webSeed(scope, folder, { ranges = true, lies = false, cors = true } = {}) {
  const requests = [];
  const server = createServer((request, response) => {
    const path = decodeURIComponent(new URL(request.url, 'http://localhost').pathname);
    if (cors) {
      response.setHeader('access-control-allow-origin', '*');
      // webtorrent sends headers that a browser asks about beforehand.
      response.setHeader('access-control-allow-headers', '*');
    }
    if (request.method === 'OPTIONS') return response.writeHead(204).end();
    requests.push({ path, range: request.headers.range });
    void answer(join(folder, normalize(path)), request, response, { ranges, lies }).catch((error) => response.destroy(error));
  });
  await new Promise((resolve) => server.listen(0, '127.0.0.1', resolve));
  scope.defer(() => {
    server.closeAllConnections();
    server.close();
  });
  return { url: `http://127.0.0.1:${server.address().port}/`, requests };
}

async function answer(path, request, response, { ranges, lies }) {
  const known = await stat(path).catch(() => undefined);
  if (!known?.isFile()) return response.writeHead(404).end();
  const { size } = known;
  const asked = ranges && /^bytes=(\d+)-(\d*)$/.exec(request.headers.range ?? '');
  const [start, end] = asked ? [Number(asked[1]), asked[2] ? Math.min(Number(asked[2]), size - 1) : size - 1] : [0, size - 1];
  if (start >= size) return response.writeHead(416, { 'content-range': `bytes */${size}` }).end();
  const head = { 'content-type': 'application/octet-stream', 'content-length': end - start + 1 };
  if (asked) head['content-range'] = `bytes ${start}-${end}/${size}`;
  response.writeHead(asked ? 206 : 200, head);
  if (!lies) return createReadStream(path, { start, end }).pipe(response);
  const bytes = await readFile(path);
  for (let at = 5000; at < size; at += 10_000) bytes[at] ^= 1;
  return response.end(bytes.subarray(start, end + 1));
}
