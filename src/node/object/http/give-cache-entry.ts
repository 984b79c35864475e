import type { IncomingMessage, ServerResponse } from 'node:http';
import { StratumError } from '../../../base/errors.ts';
import { KiB } from '../../../base/units.ts';
import { blobHeaders } from '../../../rpc/blob-http.ts';
import { cacheAnswerChecksum, cacheHeaders, cachePathPrefix } from '../../../rpc/cache-http.ts';
import type { EntryReader } from '../../../store/entry-folder.ts';
import type { CacheRequest } from './cache-request.ts';

/** Bytes that are read from the disk at once. */
const pieceBytes = 512 * KiB;

/** Buffers that are kept for the next request: fresh memory is cleared by the kernel, and has to be found by the collector. */
const keptBuffersMax = 8;
const keptBuffers: Buffer[] = [];

/** GET of an entry of the shared cache; the connection breaks when the entry turns out to be damaged on the way. */
export async function giveCacheEntry(
  _request: IncomingMessage,
  response: ServerResponse,
  { key, cache, signal }: CacheRequest,
): Promise<void> {
  const reader = cache.get(key);
  if (reader === undefined) {
    throw new StratumError('NOT_FOUND', `there is no cache entry ${key}`, { kind: 'cache entry', id: key });
  }
  try {
    const { sizeBytes, crc32 } = reader.entry;
    const headers = { [blobHeaders.size]: sizeBytes, [cacheHeaders.contentCrc32]: crc32 };
    const checksum = cacheAnswerChecksum({ method: 'GET', path: `${cachePathPrefix}${key}` }, headers);
    const writeHead = () =>
      response.writeHead(200, { ...headers, [blobHeaders.checksum]: checksum, 'content-length': sizeBytes });
    await sendPieces(reader, { response, signal, writeHead });
    response.end();
  } catch (error) {
    // A caller must not wait for the rest of a body whose length it was told.
    if (response.headersSent) response.destroy();
    throw error;
  } finally {
    reader.release();
  }
}

interface Sending {
  readonly response: ServerResponse;
  readonly signal: AbortSignal;
  /** Called with the first piece at hand: what cannot even be read is answered with its error. */
  writeHead(): void;
}

/** Two buffers in turn: one is read into while the other one is on its way. */
async function sendPieces(reader: EntryReader, { response, signal, writeHead }: Sending): Promise<void> {
  const { sizeBytes } = reader.entry;
  const buffers = [takeBuffer(), takeBuffer()] as const;
  const written: [Promise<void>, Promise<void>] = [Promise.resolve(), Promise.resolve()];
  let turn: 0 | 1 = 0;
  for (let position = 0; position < sizeBytes || position === 0; turn = turn === 0 ? 1 : 0) {
    await written[turn];
    const bytes = await reader.read(buffers[turn], position);
    signal.throwIfAborted();
    if (position === 0) writeHead();
    if (bytes === 0 && sizeBytes > position) throw new StratumError('DATA_CORRUPT', 'a cache entry ends too early');
    if (bytes === 0) break;
    position += bytes;
    written[turn] = write(response, buffers[turn].subarray(0, bytes), signal);
  }
  await Promise.all(written);
  // After a failure they are left to the collector: the socket may still be reading them.
  for (const buffer of buffers) if (keptBuffers.length < keptBuffersMax) keptBuffers.push(buffer);
}

function takeBuffer(): Buffer {
  return keptBuffers.pop() ?? Buffer.allocUnsafeSlow(pieceBytes);
}

/** Resolves when the socket has taken the piece. */
function write(response: ServerResponse, piece: Buffer, signal: AbortSignal): Promise<void> {
  const { promise, resolve, reject } = Promise.withResolvers<void>();
  const onAbort = () => reject(signal.reason);
  signal.addEventListener('abort', onAbort, { once: true });
  response.write(piece, (error) => {
    signal.removeEventListener('abort', onAbort);
    if (error === undefined || error === null) resolve();
    else reject(error);
  });
  promise.catch(() => undefined); // The other piece may fail first, and that is the error to report.
  return promise;
}
