import { once } from 'node:events';
import type { IncomingMessage, ServerResponse } from 'node:http';
import { StratumError } from '../../base/errors.ts';
import type { GitRequestKind } from './frontend-metrics.ts';
import { endResponse } from './request-body.ts';

/** Headers that keep every cache from keeping an answer, as git-http-backend sends them. */
const noCacheHeaders: Readonly<Record<string, string>> = {
  Expires: 'Fri, 01 Jan 1980 00:00:00 GMT',
  Pragma: 'no-cache',
  'Cache-Control': 'no-cache, max-age=0, must-revalidate',
};

/**
 * One request and its response. The signal aborts as soon as the client is gone or the frontend
 * stops; all that is done for the request hangs on it. Nothing is sent before `begin`, so that a
 * failure until then can still be answered with a status.
 */
export class Exchange {
  readonly request: IncomingMessage;
  readonly response: ServerResponse;
  readonly signal: AbortSignal;
  /** 0, 1 or 2, from the Git-Protocol header. */
  readonly protocolVersion: 0 | 1 | 2;
  /** What the request turned out to ask for; undefined while that is not known, and for what is no Git request. */
  kind: GitRequestKind | undefined;

  constructor(request: IncomingMessage, response: ServerResponse, stopping: AbortSignal) {
    this.request = request;
    this.response = response;
    this.protocolVersion = protocolVersionOf(request.headers['git-protocol']);
    // One controller for both reasons: a signal that follows others costs more than all the rest of a small request.
    const ending = new AbortController();
    const onStop = () => ending.abort(stopping.reason);
    if (stopping.aborted) onStop();
    else stopping.addEventListener('abort', onStop, { once: true });
    response.once('close', () => {
      stopping.removeEventListener('abort', onStop);
      if (!response.writableFinished) ending.abort(new StratumError('CANCELLED', 'the client went away'));
    });
    response.on('error', () => undefined); // A broken connection also closes the response, which is handled above.
    this.signal = ending.signal;
  }

  /** Whether the status has been sent. */
  get begun(): boolean {
    return this.response.headersSent;
  }

  /** Sends 200 and the headers, with the length where the whole body is known; may be called again without effect. */
  begin(contentType: string, sizeBytes?: number): void {
    if (this.begun) return;
    this.signal.throwIfAborted();
    const length = sizeBytes === undefined ? {} : { 'Content-Length': sizeBytes };
    this.response.writeHead(200, { ...noCacheHeaders, 'Content-Type': contentType, ...length });
  }

  /** Sends bytes at the client's pace; rejects when the client is gone. */
  async write(chunk: Buffer): Promise<void> {
    this.signal.throwIfAborted();
    if (this.response.write(chunk)) return;
    await once(this.response, 'drain', { signal: this.signal });
  }

  /** Sends bytes if the client keeps up, else drops them: for progress, which must not hold up the work. */
  offer(chunk: Buffer): void {
    if (!this.signal.aborted && !this.response.writableNeedDrain) this.response.write(chunk);
  }

  /** Sends 200 with a whole body. */
  async answer(contentType: string, chunks: Iterable<Buffer>): Promise<void> {
    this.begin(contentType);
    for (const chunk of chunks) await this.write(chunk);
    this.end();
  }

  end(): void {
    endResponse(this.response);
  }
}

function protocolVersionOf(header: string | string[] | undefined): 0 | 1 | 2 {
  const keys = (Array.isArray(header) ? header.join(':') : (header ?? '')).split(':');
  if (keys.includes('version=2')) return 2;
  return keys.includes('version=1') ? 1 : 0;
}
