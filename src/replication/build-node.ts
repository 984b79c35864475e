import type { Clock } from '../base/clock.ts';
import type { Random } from '../base/random.ts';
import type { ChannelPool } from '../rpc/channel-pool.ts';
import type { NodeIo } from './node-directory.ts';
import { type BreakerState, CircuitBreakerNode } from './nodes/circuit-breaker-node.ts';
import { MeteredNode, type NodeObserver } from './nodes/metered-node.ts';
import { RetryingNode } from './nodes/retrying-node.ts';
import { type CallTracer, TracedNode } from './nodes/traced-node.ts';
import { RemoteNode, type RemoteNodeOptions } from './remote/remote-node.ts';

/** Who watches the calls to nodes; what is absent costs nothing. */
export interface NodeWatchers {
  readonly clock: Clock;
  /** Makes the observer of one node. */
  readonly observe?: ((nodeId: string) => NodeObserver) | undefined;
  readonly tracer?: CallTracer | undefined;
  /** Where a call that is made now belongs in a trace (W3C Trace Context), for the node's own spans. */
  readonly traceparent?: (() => string | undefined) | undefined;
}

/** What a remote node is built from. */
export interface BuildNodeModules extends NodeWatchers {
  readonly pool: ChannelPool;
  readonly random: Random;
}

/** A node as writers and readers use it. */
export interface BuiltNode {
  readonly node: NodeIo;
  /** How its circuit breaker stands; undefined for a node that has none. */
  breaker(): BreakerState | undefined;
  /** The node has left; what is open to it is closed. */
  close(): void;
}

/** A node of another process, with all that stands between a writer and the wire, the innermost first. */
export function buildNode(options: RemoteNodeOptions, modules: BuildNodeModules): BuiltNode {
  const remote = new RemoteNode(options, modules);
  const retrying = new RetryingNode(remote, modules);
  const breaker = new CircuitBreakerNode(retrying, modules);
  const { node, close } = watched(breaker, modules);
  return {
    node,
    breaker: () => breaker.state,
    close: () => {
      close();
      remote.close();
    },
  };
}

/** The node of this process: there is no connection that could fail, and only who watches stands before it. */
export function buildLocalNode(local: NodeIo, modules: NodeWatchers): BuiltNode {
  return { ...watched(local, modules), breaker: () => undefined };
}

/** Tracing, and metrics outermost, so that they see what the caller sees. */
function watched(inner: NodeIo, { clock, observe, tracer }: NodeWatchers): Pick<BuiltNode, 'node' | 'close'> {
  const traced = tracer === undefined ? inner : new TracedNode(inner, { tracer });
  const observer = observe?.(inner.nodeId);
  if (observer === undefined) return { node: traced, close: () => undefined };
  return { node: new MeteredNode(traced, { clock, observer }), close: () => observer.close() };
}
