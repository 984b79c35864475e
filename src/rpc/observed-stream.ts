import { asStratumError } from '../base/errors.ts';
import type { DuplexHandler } from './handlers.ts';
import type { ServiceObserver } from './observed-service.ts';

/** The handler of a stream of frames, told to the observers as a bidirectional call of its service. */
export function observedStream<Request, Response>(
  method: string,
  handler: DuplexHandler<Request, Response>,
  observers: readonly ServiceObserver[],
): DuplexHandler<Request, Response> {
  if (observers.length === 0) return handler;
  return async function* (requests, context) {
    // Many callers share the stream: it has no place in the trace of one of them.
    const call = { method, isBidirectional: true, traceparent: undefined };
    const begun = observers.map((observer) => observer.serving(call));
    let code = 'CANCELLED'; // What it is when the answers are left unread.
    try {
      for await (const response of handler(requests, context)) {
        for (const observer of begun) observer.answered?.();
        yield response;
      }
      if (!context.signal.aborted) code = 'OK';
    } catch (error) {
      if (!context.signal.aborted) code = asStratumError(error).code;
      throw error;
    } finally {
      for (const observer of begun) observer.ended(code);
    }
  };
}
