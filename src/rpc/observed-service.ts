import type {
  ServerDuplexStream,
  ServerReadableStream,
  ServerUnaryCall,
  ServerWritableStream,
  ServiceDefinition,
  sendUnaryData,
  UntypedHandleCall,
  UntypedServiceImplementation,
} from '@grpc/grpc-js';
import { fromRpcError } from './error-mapping.ts';

/** Told of one call of a service. */
export interface CallObserver {
  /** One of the answers of a bidirectional stream was sent. */
  answered?(): void;
  /** Told once, at its end: OK, the code of the error, or CANCELLED when the caller went away. */
  ended(code: string): void;
}

/** How a method of a service is called. */
export interface ServedCall {
  /** As in the proto file: "PutBlob". */
  readonly method: string;
  readonly isBidirectional: boolean;
  /** The caller's place in a trace, as W3C Trace Context writes it. */
  readonly traceparent: string | undefined;
}

/** Told of the calls of a service. */
export interface ServiceObserver {
  serving(call: ServedCall): CallObserver;
}

/** grpc-js gives each kind of method its own kind of call; a wrapper passes on whichever it was given. */
type AnyCall = ServerUnaryCall<unknown, unknown> &
  ServerReadableStream<unknown, unknown> &
  ServerWritableStream<unknown, unknown> &
  ServerDuplexStream<unknown, unknown>;

/** A service whose calls are told to observers. The handlers and what they answer stay as they are. */
export function observedService(
  definition: ServiceDefinition,
  service: UntypedServiceImplementation,
  observers: readonly ServiceObserver[],
): UntypedServiceImplementation {
  if (observers.length === 0) return service;
  const observed: UntypedServiceImplementation = {};
  for (const [name, { path, requestStream, responseStream }] of Object.entries(definition)) {
    const handler = service[name];
    if (handler === undefined) continue;
    const method = path.slice(path.lastIndexOf('/') + 1);
    const isBidirectional = requestStream && responseStream;
    const wrapped = (call: AnyCall, callback?: sendUnaryData<unknown>) => {
      const [traceparent] = call.metadata.get('traceparent').map(String);
      const begun = observers.map((observer) => observer.serving({ method, isBidirectional, traceparent }));
      handle(handler, call, callback, begun);
    };
    observed[name] = wrapped as UntypedHandleCall; // It takes any kind of call, and gets the one of its method.
  }
  return observed;
}

function handle(
  handler: UntypedHandleCall,
  call: AnyCall,
  callback: sendUnaryData<unknown> | undefined,
  observers: readonly CallObserver[],
): void {
  let isOver = false;
  const end = (code: string) => {
    if (isOver) return;
    isOver = true;
    for (const observer of observers) observer.ended(code);
  };
  call.on('cancelled', () => end('CANCELLED'));
  if (callback !== undefined) {
    const answer: sendUnaryData<unknown> = (error, ...rest) => {
      end(codeOf(error));
      callback(error, ...rest);
    };
    handler(call, answer);
    return;
  }
  call.on('error', (error: unknown) => end(codeOf(error)));
  call.on('finish', () => end('OK'));
  countAnswers(call, observers);
  handler(call, () => undefined);
}

/** There is no event for a message that was sent. */
function countAnswers(call: AnyCall, observers: readonly CallObserver[]): void {
  const counting = observers.filter((observer) => observer.answered !== undefined);
  if (counting.length === 0) return;
  const write: (message: unknown) => boolean = call.write.bind(call);
  call.write = (message: unknown) => {
    for (const observer of counting) observer.answered?.();
    return write(message);
  };
}

function codeOf(error: unknown): string {
  if (error === null || error === undefined) return 'OK';
  return fromRpcError(error, { endpoint: '', method: '', timeoutMs: 0 }).code;
}
