import type { Clock } from '../base/clock.ts';
import type { ServiceObserver } from '../rpc/observed-service.ts';
import type { Metrics } from '../telemetry/metrics.ts';

/** Counts the calls of the object service. */
export function objectCallMetrics(modules: { readonly clock: Clock; readonly metrics: Metrics }): ServiceObserver {
  const { clock, metrics } = modules;
  const count = (method: string, code: string) => metrics.increment('stratum_object_requests_total', { method, code });
  return {
    serving({ method, isBidirectional }) {
      // A client keeps one such stream for as long as it has something to say; its answers are what counts.
      if (isBidirectional) {
        return {
          answered: () => count(method, 'OK'),
          ended: (code) => {
            if (code !== 'OK' && code !== 'CANCELLED') count(method, code);
          },
        };
      }
      const startedMs = clock.monotonicMs();
      return {
        ended: (code) => {
          const seconds = (clock.monotonicMs() - startedMs) / 1_000;
          count(method, code);
          metrics.observe('stratum_object_request_duration_seconds', { method }, seconds);
        },
      };
    },
  };
}
