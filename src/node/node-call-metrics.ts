import type { BlobResults, NodeObserver } from '../replication/nodes/metered-node.ts';
import type { NodeMethod } from '../replication/nodes/node-decorator.ts';
import type { Metrics } from '../telemetry/metrics.ts';

/** Counts the calls of this process to one object node; its series are dropped when the node leaves. */
export class NodeCallMetrics implements NodeObserver {
  readonly #node: string;
  readonly #metrics: Metrics;
  #isClosed = false;

  constructor(options: { readonly nodeId: string }, modules: { readonly metrics: Metrics }) {
    this.#node = options.nodeId;
    this.#metrics = modules.metrics;
  }

  answered(method: NodeMethod, durationMs: number): void {
    if (this.#isClosed) return;
    const labels = { node: this.#node, method };
    this.#metrics.observe('stratum_node_call_duration_seconds', labels, durationMs / 1_000);
  }

  wrote(results: BlobResults): void {
    this.#count('stratum_node_writes_total', results);
  }

  read(results: BlobResults): void {
    this.#count('stratum_node_reads_total', results);
  }

  close(): void {
    this.#isClosed = true;
    void this.#metrics.forgetNode(this.#node);
  }

  /** A call that outlives its node would bring a dropped series back. */
  #count(name: 'stratum_node_writes_total' | 'stratum_node_reads_total', results: BlobResults): void {
    if (this.#isClosed) return;
    for (const [result, count] of results) this.#metrics.increment(name, { node: this.#node, result }, count);
  }
}
