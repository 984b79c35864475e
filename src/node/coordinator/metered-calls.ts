import { asStratumError } from '../../base/errors.ts';
import type { WatchTopologyResponse } from '../../rpc/gen/stratum/v1/coordinator.ts';
import type { ServerStreamHandler, UnaryHandler } from '../../rpc/handlers.ts';
import type { Metrics } from '../../telemetry/metrics.ts';

/** A handler whose outcomes are counted under its method's name. */
export function meteredUnary<Request, Response>(
  metrics: Metrics,
  method: string,
  handler: UnaryHandler<Request, Response>,
): UnaryHandler<Request, Response> {
  return async (request, call) => {
    let code = 'OK';
    try {
      return await handler(request, call);
    } catch (error) {
      code = asStratumError(error).code;
      throw error;
    } finally {
      metrics.increment('stratum_requests_total', { method, code });
    }
  };
}

/** Heartbeats also have a counter of their own: they are what a leader mostly does. */
export function meteredHeartbeat<Request, Response>(
  metrics: Metrics,
  handler: UnaryHandler<Request, Response>,
): UnaryHandler<Request, Response> {
  return async (request, call) => {
    try {
      const response = await handler(request, call);
      metrics.increment('stratum_heartbeats_total', { result: 'OK' });
      return response;
    } catch (error) {
      metrics.increment('stratum_heartbeats_total', { result: asStratumError(error).code });
      throw error;
    }
  };
}

/** A watch, its events and its end; CANCELLED when the reader goes away, as most do. */
export function meteredWatch<Request>(
  metrics: Metrics,
  method: string,
  handler: ServerStreamHandler<Request, WatchTopologyResponse>,
): ServerStreamHandler<Request, WatchTopologyResponse> {
  return async function* (request, call) {
    let code = 'CANCELLED';
    try {
      for await (const response of handler(request, call)) {
        metrics.increment('stratum_watch_events_total', { kind: response.event?.$case ?? 'none' });
        yield response;
      }
      if (!call.signal.aborted) code = 'OK';
    } catch (error) {
      code = asStratumError(error).code;
      throw error;
    } finally {
      metrics.increment('stratum_requests_total', { method, code });
    }
  };
}
