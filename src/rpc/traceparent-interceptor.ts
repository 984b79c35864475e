import { InterceptingCall, type Interceptor } from '@grpc/grpc-js';

/** Sends the caller's place in a trace with every call, in the header `traceparent` of W3C Trace Context. */
export function traceparentInterceptor(current: () => string | undefined): Interceptor {
  return (options, nextCall) =>
    new InterceptingCall(nextCall(options), {
      start(metadata, listener, next) {
        const traceparent = current();
        if (traceparent !== undefined) metadata.set('traceparent', traceparent);
        next(metadata, listener);
      },
    });
}
