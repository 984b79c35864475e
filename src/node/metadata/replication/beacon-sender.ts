import type { Clock } from '../../../base/clock.ts';
import { withDeadline } from '../../../base/deadline.ts';
import type { PartitionBeacon } from '../../../rpc/gen/stratum/v1/metadata.ts';
import type { ReplicaPeers } from './replica-peer.ts';
import { checkBeaconAck } from './replication-messages.ts';
import type { ReplicationTimings } from './replication-timings.ts';

/** As many as go out within a lease: after that an answer is worth nothing any more. */
const underWayMax = 5;

/** Where beacons come from and what becomes of them. */
export interface BeaconSource {
  /** One for each partition that this node is the primary of and the peer a replica. */
  beaconsFor(peerId: string): readonly PartitionBeacon[];
  accepted(peerId: string, generation: bigint, beacon: PartitionBeacon, sentMs: number): void;
  /** The peer has seen a higher epoch. */
  refused(partition: number, epoch: bigint): void;
  failed(peerId: string, partition: number, error: unknown): void;
}

/** What beacons are sent with. */
export interface BeaconSenderModules {
  readonly peers: ReplicaPeers;
  readonly source: BeaconSource;
  readonly clock: Clock;
  readonly timings: () => ReplicationTimings;
  readonly stopping: AbortSignal;
}

/** Renews the leases of all partitions: one small call a peer and tick, whatever else is under way. */
export class BeaconSender {
  readonly #options: { readonly nodeId: string; readonly generation: bigint };
  readonly #modules: BeaconSenderModules;
  readonly #underWay = new Map<string, number>();
  readonly #calls = new Set<Promise<void>>();

  constructor(options: { readonly nodeId: string; readonly generation: bigint }, modules: BeaconSenderModules) {
    this.#options = options;
    this.#modules = modules;
  }

  tick(peerIds: Iterable<string>): void {
    for (const peerId of peerIds) {
      const underWay = this.#underWay.get(peerId) ?? 0;
      const beacons = this.#modules.source.beaconsFor(peerId);
      if (beacons.length === 0 || underWay >= underWayMax) continue;
      this.#underWay.set(peerId, underWay + 1);
      this.#track(this.#renew(peerId, beacons).finally(() => this.#ended(peerId)));
    }
  }

  /** Tells a new primary that this node serves no more; it finds out by itself when that is lost. */
  relinquish(peerId: string, beacon: PartitionBeacon): void {
    this.#track(
      this.#call(peerId, [beacon]).then(
        () => undefined,
        () => undefined,
      ),
    ); // Nothing depends on it but a wait.
  }

  /** Resolves when no call is under way. */
  async settled(): Promise<void> {
    await Promise.all(this.#calls);
  }

  async #renew(peerId: string, beacons: readonly PartitionBeacon[]): Promise<void> {
    const { source, clock, stopping } = this.#modules;
    const sentMs = clock.monotonicMs();
    try {
      const { generation, acks } = await this.#call(peerId, beacons);
      for (const ack of acks) checkBeaconAck(ack);
      for (const [at, beacon] of beacons.entries()) {
        const ack = acks[at];
        if (ack === undefined || ack.partition !== beacon.partition) continue;
        if (ack.accepted && ack.epoch === beacon.epoch) source.accepted(peerId, generation, beacon, sentMs);
        else if (!ack.accepted && ack.epoch > beacon.epoch) source.refused(ack.partition, ack.epoch);
      }
    } catch (error) {
      if (stopping.aborted) return;
      for (const { partition } of beacons) source.failed(peerId, partition, error);
    }
  }

  async #call(peerId: string, beacons: readonly PartitionBeacon[]) {
    const { peers, clock, timings, stopping } = this.#modules;
    const { nodeId: primaryId, generation } = this.#options;
    const peer = peers.peer(peerId);
    if (peer === undefined) return { generation: 0n, acks: [] };
    const request = { primaryId, generation, beacons: [...beacons] };
    const call = (signal: AbortSignal) => peer.beacon(request, signal);
    return withDeadline(clock, `Beacon at ${peerId}`, timings().leaseMs, call, stopping);
  }

  #ended(peerId: string): void {
    this.#underWay.set(peerId, (this.#underWay.get(peerId) ?? 1) - 1);
  }

  #track(call: Promise<void>): void {
    this.#calls.add(call);
    void call.finally(() => this.#calls.delete(call));
  }
}
