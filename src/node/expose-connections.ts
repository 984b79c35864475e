import type { BreakerState } from '../replication/nodes/circuit-breaker-node.ts';
import type { ChannelPoolStats } from '../rpc/channel-pool.ts';
import type { Metrics } from '../telemetry/metrics.ts';

const breakerValues = { closed: 0, 'half-open': 1, open: 2 } as const satisfies Record<BreakerState, number>;

/** Lets the metrics read how a process is connected to others. */
export function exposePool(metrics: Metrics, pool: { stats(): ChannelPoolStats }): void {
  metrics.gauge('stratum_pool_channels', () =>
    Object.entries(pool.stats().health).map(([state, value]) => ({ labels: { state }, value })),
  );
  metrics.total('stratum_pool_requests_total', () => {
    const { hits, misses } = pool.stats();
    return [
      { labels: { result: 'hit' }, value: hits },
      { labels: { result: 'miss' }, value: misses },
    ];
  });
  metrics.total('stratum_pool_evictions_total', () =>
    Object.entries(pool.stats().evictions).map(([reason, value]) => ({ labels: { reason }, value })),
  );
}

/** Lets the metrics read which object nodes are not called at the moment. */
export function exposeBreakers(metrics: Metrics, nodes: { breakers(): ReadonlyMap<string, BreakerState> }): void {
  metrics.gauge('stratum_breaker_state', () =>
    [...nodes.breakers()].map(([node, state]) => ({ labels: { node }, value: breakerValues[state] })),
  );
}
