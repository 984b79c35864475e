import { once } from 'node:events';
import {
  type CallOptions,
  type ClientDuplexStream,
  type ClientReadableStream,
  type ClientUnaryCall,
  type ClientWritableStream,
  Metadata,
  type ServiceError,
} from '@grpc/grpc-js';
import type { Clock } from '../base/clock.ts';
import { type CallOrigin, fromRpcError } from './error-mapping.ts';
import { UntilAnswered } from './until-answered.ts';

/** Where a call goes and how long it may take. */
export interface CallTarget extends CallOrigin {
  readonly clock: Clock;
  readonly signal?: AbortSignal | undefined;
}

/** A unary method of a generated client. */
export type UnaryMethod<Request, Response> = (
  request: Request,
  metadata: Metadata,
  options: Partial<CallOptions>,
  callback: (error: ServiceError | null, response: Response) => void,
) => ClientUnaryCall;

/** Calls a unary method; rejects with a StratumError. The signal cancels the call at the peer. */
export function callUnary<Request, Response>(
  method: UnaryMethod<Request, Response>,
  request: Request,
  target: CallTarget,
): Promise<Response> {
  return new Promise((resolve, reject) => {
    if (target.signal?.aborted) {
      reject(target.signal.reason);
      return;
    }
    const call = method(request, new Metadata(), deadlineOf(target), (error, response) => {
      target.signal?.removeEventListener('abort', onAbort);
      if (error === null) resolve(response);
      else reject(target.signal?.aborted ? target.signal.reason : fromRpcError(error, target));
    });
    const onAbort = () => call.cancel();
    target.signal?.addEventListener('abort', onAbort, { once: true });
  });
}

/** A server-streaming method of a generated client. */
export type ServerStreamMethod<Request, Response> = (
  request: Request,
  metadata: Metadata,
  options: Partial<CallOptions>,
) => ClientReadableStream<Response>;

/** Calls a method that answers with a stream; ending the iteration early cancels the call. */
export async function* callServerStream<Request, Response>(
  method: ServerStreamMethod<Request, Response>,
  request: Request,
  target: CallTarget,
): AsyncGenerator<Response, void, undefined> {
  target.signal?.throwIfAborted();
  const call = method(request, new Metadata(), deadlineOf(target));
  yield* readAll(call, target);
}

/** A client-streaming method of a generated client. */
export type ClientStreamMethod<Request, Response> = (
  metadata: Metadata,
  options: Partial<CallOptions>,
  callback: (error: ServiceError | null, response: Response) => void,
) => ClientWritableStream<Request>;

/**
 * Calls a method that is sent a stream. The peer's answer ends the call even when it comes before
 * all was sent (a refusal); an error of `requests` cancels it.
 */
export async function callClientStream<Request, Response>(
  method: ClientStreamMethod<Request, Response>,
  requests: AsyncIterable<Request>,
  target: CallTarget,
): Promise<Response> {
  target.signal?.throwIfAborted();
  const { promise: answer, resolve, reject } = Promise.withResolvers<Response>();
  const call = method(new Metadata(), deadlineOf(target), (error, response) => {
    if (error === null) resolve(response);
    else reject(fromRpcError(error, target));
  });
  const answered = answer.then(
    () => true,
    () => true,
  );
  const onAbort = () => call.cancel();
  target.signal?.addEventListener('abort', onAbort, { once: true });
  try {
    await writeAll(call, requests, answered);
    return await answer;
  } catch (error) {
    call.cancel();
    answer.catch(() => undefined); // The first error is the one to report.
    throw target.signal?.aborted ? target.signal.reason : error;
  } finally {
    target.signal?.removeEventListener('abort', onAbort);
  }
}

/** A bidirectional method of a generated client. */
export type DuplexMethod<Request, Response> = (
  metadata: Metadata,
  options: Partial<CallOptions>,
) => ClientDuplexStream<Request, Response>;

/** Calls a method with streams both ways; ending the iteration early cancels the call. */
export async function* callDuplex<Request, Response>(
  method: DuplexMethod<Request, Response>,
  requests: AsyncIterable<Request>,
  target: CallTarget,
): AsyncGenerator<Response, void, undefined> {
  target.signal?.throwIfAborted();
  const call = method(new Metadata(), deadlineOf(target));
  const { promise: ended, resolve: end } = Promise.withResolvers<boolean>();
  let writeError: unknown;
  const writing = writeAll(call, requests, ended).catch((error: unknown) => {
    writeError = error;
    call.cancel();
  });
  try {
    yield* readAll(call, target);
  } catch (error) {
    throw writeError ?? error;
  } finally {
    end(true);
    await writing;
  }
}

function deadlineOf(target: CallTarget): Partial<CallOptions> {
  return Number.isFinite(target.timeoutMs) ? { deadline: target.clock.nowMs() + target.timeoutMs } : {};
}

async function* readAll<Response>(
  call: ClientReadableStream<Response> | ClientDuplexStream<never, Response>,
  target: CallTarget,
): AsyncGenerator<Response, void, undefined> {
  const onAbort = () => call.cancel();
  target.signal?.addEventListener('abort', onAbort, { once: true });
  try {
    for await (const response of call) yield response as Response;
  } catch (error) {
    throw target.signal?.aborted ? target.signal.reason : fromRpcError(error, target);
  } finally {
    target.signal?.removeEventListener('abort', onAbort);
    call.on('error', () => undefined); // A cancelled call reports CANCELLED to nobody in particular.
    call.cancel();
  }
}

/** Sends all requests at the peer's pace; stops as soon as `answered` resolves, also while it waits for its source. */
async function writeAll<Request>(
  call: ClientWritableStream<Request> | ClientDuplexStream<Request, never>,
  requests: AsyncIterable<Request>,
  answered: Promise<boolean>,
): Promise<void> {
  const untilAnswered = new UntilAnswered(answered);
  const source = requests[Symbol.asyncIterator]();
  let exhausted = false;
  const stopped = new AbortController();
  try {
    for (;;) {
      const step = await untilAnswered.wait(source.next());
      if (step === undefined) return;
      if (step.done) break;
      if (!call.write(step.value)) await untilAnswered.wait(once(call, 'drain', { signal: stopped.signal }));
    }
    exhausted = true;
    call.end();
  } finally {
    stopped.abort();
    // Not awaited: a source that hangs would not return either. What it says at its end is not the reason of ours.
    if (!exhausted) source.return?.().catch(() => undefined);
  }
}
