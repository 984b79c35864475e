import type { Clock, Timer } from '../../../base/clock.ts';
import { withDeadline } from '../../../base/deadline.ts';
import { StratumError } from '../../../base/errors.ts';
import type { AppendEntriesResponse, PartitionAppend } from '../../../rpc/gen/stratum/v1/metadata.ts';
import type { ReplicaPeers } from './replica-peer.ts';
import { checkAck } from './replication-messages.ts';
import type { ReplicationTimings } from './replication-timings.ts';

/** Bytes of one message's records, a single record apart: well below the largest message. */
const messageBytesMax = 4 * 1024 * 1024;

/** Calls under way at a time: while the peer's disk takes one, the next ones are on their way. */
const underWayMax = 4;

/** After a failed call the next one waits for this share of the lease. */
const retryShareOfLease = 0.25;

/** What a link carries. */
export interface LinkSource {
  /** Of a partition that this node is the primary of: see PrimaryTerm.appendFor. */
  appendFor(partition: number, bytesMax: number): PartitionAppend | undefined;
  /** The partitions that this node is the primary of and the peer a replica. */
  shared(): readonly number[];
  /** What the peer lacks of a partition cannot be read here. */
  unreadable(partition: number, error: unknown): void;
  answered(partition: number, response: AppendEntriesResponse, at: number): boolean;
  failed(partition: number, error: unknown): void;
}

/** What a link works with. */
export interface PeerLinkModules {
  readonly peers: ReplicaPeers;
  readonly source: LinkSource;
  readonly clock: Clock;
  readonly timings: () => ReplicationTimings;
  readonly stopping: AbortSignal;
}

/**
 * Appends to one other node, for all partitions together: a few calls at a time, each with everything that has come up
 * since the one before. Should they overtake each other, the peer finds a gap and says so.
 */
export class PeerLink {
  readonly #options: { readonly nodeId: string; readonly generation: bigint; readonly peerId: string };
  readonly #modules: PeerLinkModules;
  readonly #pending = new Set<number>();
  readonly #calls = new Set<Promise<void>>();
  #pause: Timer | undefined;

  constructor(
    options: { readonly nodeId: string; readonly generation: bigint; readonly peerId: string },
    modules: PeerLinkModules,
  ) {
    this.#options = options;
    this.#modules = modules;
  }

  /** A partition may have something for the peer. */
  notify(partition: number): void {
    this.#pending.add(partition);
    this.#send();
  }

  /** Looks at everything again: what was refused for the moment, or lost. */
  tick(): void {
    for (const partition of this.#modules.source.shared()) this.#pending.add(partition);
    this.#send();
  }

  /** Resolves when no call is under way. */
  async settled(): Promise<void> {
    this.#pause?.cancel();
    await Promise.all(this.#calls);
  }

  #send(): void {
    while (this.#calls.size < underWayMax && this.#pause === undefined && !this.#modules.stopping.aborted) {
      const appends = this.#collect();
      if (appends.length === 0) return;
      const call = this.#call(appends).finally(() => {
        this.#calls.delete(call);
        this.#send();
      });
      this.#calls.add(call);
    }
  }

  #collect(): readonly PartitionAppend[] {
    const appends: PartitionAppend[] = [];
    let leftBytes = messageBytesMax;
    for (const partition of this.#pending) {
      if (leftBytes <= 0) break;
      this.#pending.delete(partition);
      const append = this.#appendFor(partition, leftBytes);
      if (append === undefined) continue;
      appends.push(append);
      for (const { length } of append.records) leftBytes -= length;
    }
    return appends;
  }

  /** What cannot be read of one partition is not to keep the others from being sent. */
  #appendFor(partition: number, bytesMax: number): PartitionAppend | undefined {
    const { source } = this.#modules;
    try {
      return source.appendFor(partition, bytesMax);
    } catch (error) {
      source.unreadable(partition, error);
      return undefined;
    }
  }

  async #call(appends: readonly PartitionAppend[]): Promise<void> {
    const { peers, source, clock, timings, stopping } = this.#modules;
    const { nodeId: primaryId, generation, peerId } = this.#options;
    const { appendTimeoutMs, leaseMs } = timings();
    try {
      const peer = peers.peer(peerId);
      if (peer === undefined)
        throw new StratumError('NODE_NOT_FOUND', `${peerId} is not registered`, { kind: 'node', id: peerId });
      const request = { primaryId, generation, appends: [...appends] };
      const response = await withDeadline(
        clock,
        `AppendEntries at ${peerId}`,
        appendTimeoutMs,
        (signal) => peer.appendEntries(request, signal),
        stopping,
      );
      for (const ack of response.acks) checkAck(ack);
      for (const [at, { partition }] of appends.entries()) {
        if (source.answered(partition, response, at)) this.#pending.add(partition);
      }
    } catch (error) {
      for (const { partition } of appends) {
        source.failed(partition, error);
        this.#pending.add(partition);
      }
      this.#pause ??= clock.after(leaseMs * retryShareOfLease, () => {
        this.#pause = undefined;
        this.#send();
      });
    }
  }
}
