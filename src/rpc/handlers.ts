import {
  type handleBidiStreamingCall,
  type handleClientStreamingCall,
  type handleServerStreamingCall,
  type handleUnaryCall,
  Metadata,
  type ServerDuplexStream,
  type ServerErrorResponse,
  type ServerWritableStream,
} from '@grpc/grpc-js';
import { StratumError } from '../base/errors.ts';
import { statusDetailsTrailer, toRpcStatus } from './error-mapping.ts';
import { assertReadable } from './malformed-requests.ts';
import { serverEndingOf } from './server-ending.ts';

/** What a handler knows of its call; the same over gRPC and in process. */
export interface CallContext {
  /** Aborts when the caller goes away or its deadline passes. */
  readonly signal: AbortSignal;
  /** The host that calls, without its port: "10.0.0.7", "fe80::1"; `inProcessPeer` for callers of this process. */
  readonly peer: string;
  /** Aborts when the process wants to stop: a stream that its caller keeps open for later ends then. */
  readonly ending?: AbortSignal;
}

/** The peer of calls that never left the process. */
export const inProcessPeer = 'in-process';

/** A unary method; throws StratumErrors. */
export type UnaryHandler<Request, Response> = (request: Request, call: CallContext) => Promise<Response>;
/** A method that answers with a stream. */
export type ServerStreamHandler<Request, Response> = (request: Request, call: CallContext) => AsyncIterable<Response>;
/** A method that is sent a stream. */
export type ClientStreamHandler<Request, Response> = (
  requests: AsyncIterable<Request>,
  call: CallContext,
) => Promise<Response>;
/** A method with streams both ways. */
export type DuplexHandler<Request, Response> = (
  requests: AsyncIterable<Request>,
  call: CallContext,
) => AsyncIterable<Response>;

/** A unary handler as grpc-js wants it. */
export function unary<Request, Response>(handler: UnaryHandler<Request, Response>): handleUnaryCall<Request, Response> {
  return (call, callback) => {
    const answer = async () => {
      assertReadable(call.request);
      return await handler(call.request, contextOf(call));
    };
    answer().then(
      (response) => callback(null, response),
      (error: unknown) => callback(failure(error)),
    );
  };
}

/** A client-streaming handler as grpc-js wants it. */
export function clientStream<Request, Response>(
  handler: ClientStreamHandler<Request, Response>,
): handleClientStreamingCall<Request, Response> {
  return (call, callback) => {
    // A stream that nobody reads any more would hold its connection's flow-control window.
    const drain = () => call.resume();
    handler(requestsOf<Request>(call), contextOf(call)).then(
      (response) => {
        callback(null, response);
        drain();
      },
      (error: unknown) => {
        callback(failure(error));
        drain();
      },
    );
  };
}

/** A server-streaming handler as grpc-js wants it; waits for the reader between messages. */
export function serverStream<Request, Response>(
  handler: ServerStreamHandler<Request, Response>,
): handleServerStreamingCall<Request, Response> {
  return (call) => {
    const context = contextOf(call);
    const answers = async function* () {
      assertReadable(call.request);
      yield* handler(call.request, context);
    };
    void pump(answers(), call, context.signal);
  };
}

/** A bidirectional handler as grpc-js wants it; waits for the reader between messages. */
export function duplex<Request, Response>(
  handler: DuplexHandler<Request, Response>,
): handleBidiStreamingCall<Request, Response> {
  return (call) => {
    const context = contextOf(call);
    void pump(handler(requestsOf<Request>(call), context), call, context.signal);
  };
}

interface RequestStream {
  iterator(options: { destroyOnReturn: boolean }): AsyncIterable<unknown>;
}

/** The requests of a call. An ordinary iteration would destroy the stream, and the answer with it, when it ends. */
async function* requestsOf<Request>(call: RequestStream): AsyncGenerator<Request, void, undefined> {
  for await (const request of call.iterator({ destroyOnReturn: false }) as AsyncIterable<Request>) {
    assertReadable(request);
    yield request;
  }
}

interface ServerCall {
  on(event: 'cancelled', listener: () => void): unknown;
  getPeer(): string;
}

/** One for all: grpc-js says so at the end of every call, and a stack trace for each costs more than the call. */
const callerGone = new StratumError('CANCELLED', 'the caller went away');

function contextOf(call: ServerCall): CallContext {
  const controller = new AbortController();
  call.on('cancelled', () => controller.abort(callerGone));
  return { signal: controller.signal, peer: hostOf(call.getPeer()), ending: serverEndingOf(call) };
}

/** grpc-js gives address:port, IPv6 without brackets. An IPv4 caller of a socket for both is the same caller. */
function hostOf(peer: string): string {
  return peer.replace(/:\d+$/, '').replace(/^::ffff:(?=\d+\.)/i, '');
}

async function pump<Request, Response>(
  responses: AsyncIterable<Response>,
  call: ServerWritableStream<Request, Response> | ServerDuplexStream<Request, Response>,
  signal: AbortSignal,
): Promise<void> {
  try {
    for await (const response of responses) {
      if (signal.aborted) return;
      if (!call.write(response)) await drained(call, signal);
    }
    call.end();
  } catch (error) {
    if (signal.aborted) return; // Nobody is left to tell.
    call.emit('error', failure(error));
  }
}

function drained(
  call: {
    once(event: 'drain', listener: () => void): unknown;
    off(event: 'drain', listener: () => void): unknown;
  },
  signal: AbortSignal,
): Promise<void> {
  return new Promise((resolve) => {
    const done = () => {
      call.off('drain', done);
      signal.removeEventListener('abort', done);
      resolve();
    };
    call.once('drain', done);
    signal.addEventListener('abort', done, { once: true });
    if (signal.aborted) done();
  });
}

function failure(error: unknown): ServerErrorResponse & { code: number; details: string; metadata: Metadata } {
  const { code, details, trailer } = toRpcStatus(error);
  const metadata = new Metadata();
  metadata.set(statusDetailsTrailer, trailer);
  return Object.assign(new Error(details), { code, details, metadata });
}
