import type { Clock } from '../base/clock.ts';
import type { NodeWatchers } from '../replication/build-node.ts';
import type { ServiceObserver } from '../rpc/observed-service.ts';
import type { Metrics } from '../telemetry/metrics.ts';
import type { Tracing } from '../telemetry/tracing.ts';
import { NodeCallMetrics } from './node-call-metrics.ts';
import { objectCallMetrics } from './object-call-metrics.ts';

/** What watches the calls of a process; what is absent is not composed, and costs nothing. */
export interface ProcessWatch {
  readonly clock: Clock;
  /** Given where somebody can read them. */
  readonly metrics: Metrics | undefined;
  /** Given where a collector is named. */
  readonly tracing: Tracing | undefined;
}

/** Watches the calls that the process makes to object nodes. */
export function nodeWatchers({ clock, metrics, tracing }: ProcessWatch): NodeWatchers {
  const observe = metrics === undefined ? undefined : (nodeId: string) => new NodeCallMetrics({ nodeId }, { metrics });
  const traceparent = tracing === undefined ? undefined : () => tracing.traceparent();
  return { clock, observe, tracer: tracing, traceparent };
}

/** Watches the calls of the object service that the process serves. */
export function objectServiceObservers({ clock, metrics, tracing }: ProcessWatch): readonly ServiceObserver[] {
  const counting = metrics === undefined ? [] : [objectCallMetrics({ clock, metrics })];
  return tracing === undefined ? counting : [...counting, tracing];
}
