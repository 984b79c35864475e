import { once } from 'node:events';
import type { ClientRequest } from 'node:http';
import { UntilAnswered } from '../../rpc/until-answered.ts';
import type { BlobSource } from '../blob-source.ts';
import { LentBuffers } from './lent-buffers.ts';
import { wrongSize } from './read-source.ts';

/**
 * Sends a source as the body of a request, at the peer's pace, until it has answered. INVALID_ARGUMENT
 * for a source that is not of its size: what is over would be taken for the next request.
 */
export async function sendBody(source: BlobSource, request: ClientRequest, answered: Promise<unknown>): Promise<void> {
  const untilAnswered = new UntilAnswered(answered);
  const buffers = new LentBuffers();
  const chunks = source.open(buffers.lend)[Symbol.asyncIterator]();
  let sentBytes = 0;
  let exhausted = false;
  const stopped = new AbortController();
  try {
    for (;;) {
      const step = await untilAnswered.wait(chunks.next());
      if (step === undefined) return;
      if (step.done === true) break;
      sentBytes += step.value.length;
      if (sentBytes > source.size) throw wrongSize(source, `more than ${source.size} bytes`);
      const chunk = step.value;
      const written = (error?: Error | null) => error || buffers.takeBack(chunk);
      if (!request.write(chunk, written)) await untilAnswered.wait(once(request, 'drain', { signal: stopped.signal }));
    }
    exhausted = true;
    if (sentBytes < source.size) throw wrongSize(source, `only ${sentBytes} bytes`);
    request.end();
  } finally {
    stopped.abort();
    // Not awaited: a source that hangs would not return either. What it says at its end is not the reason of ours.
    if (!exhausted) chunks.return?.().catch(() => undefined);
  }
}
