import type { HeartbeatRequest } from '../../rpc/gen/stratum/v1/coordinator.ts';
import type { ServerStreamHandler, UnaryHandler } from '../../rpc/handlers.ts';
import { validateNodeId } from '../../topology/validate-registration.ts';
import type { RateLimits } from './rate-limits.ts';

/** A handler that changes something, within the limits of its caller. */
export function limitedWrite<Request, Response>(
  limits: RateLimits,
  handler: UnaryHandler<Request, Response>,
): UnaryHandler<Request, Response> {
  return async (request, call) => {
    limits.admitWrite(call.peer);
    return await handler(request, call);
  };
}

/** The handler of heartbeats, within the limit of each node. */
export function limitedHeartbeat<Response>(
  limits: RateLimits,
  handler: UnaryHandler<HeartbeatRequest, Response>,
): UnaryHandler<HeartbeatRequest, Response> {
  return async (request, call) => {
    // What is no node id must not become the key of a bucket: it may be as long as a message.
    validateNodeId(request.nodeId, 'node_id');
    limits.admitHeartbeat(request.nodeId);
    return await handler(request, call);
  };
}

/** A watch, which counts as open until its stream has ended. */
export function limitedWatch<Request, Response>(
  limits: RateLimits,
  handler: ServerStreamHandler<Request, Response>,
): ServerStreamHandler<Request, Response> {
  return async function* (request, call) {
    const close = limits.openWatch(call.peer);
    try {
      yield* handler(request, call);
    } finally {
      close();
    }
  };
}
