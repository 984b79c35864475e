import { RefsCache } from '../../../../../src/node/metadata/refs-cache.ts';
import type { Sender } from '../../../../../src/node/metadata/replication/acknowledged-lease.ts';
import type { ProposedChange } from '../../../../../src/node/metadata/replication/partition-authority.ts';
import { PartitionReplica } from '../../../../../src/node/metadata/replication/partition-replica.ts';
import type { PrimaryTerm } from '../../../../../src/node/metadata/replication/primary-term.ts';
import type { LogRetention } from '../../../../../src/node/metadata/replication/replica-log.ts';
import {
  signedAck,
  signedAppend,
  signedBeacon,
} from '../../../../../src/node/metadata/replication/replication-messages.ts';
import { timingsOf } from '../../../../../src/node/metadata/replication/replication-timings.ts';
import {
  AppendResult,
  type PartitionAppend,
  type PartitionBeacon,
} from '../../../../../src/rpc/gen/stratum/v1/metadata.ts';
import type { Node, Partition, Topology } from '../../../../../src/topology/topology.ts';
import { manualClock } from '../../../base/manual-clock.ts';
import { recordingLog } from '../../../base/recording-log.ts';
import { memoryDisk, settled } from '../memory-disk.ts';
import { metadataCluster } from '../sample-topology.ts';
import { creation } from './sample-records.ts';

export const partition = 3;

/** Of the sample topology. */
export const leaseMs = 1_000;

/** The registered process of a node. */
export const process2: Sender = { nodeId: 'm2', generation: 1n };
export const process3: Sender = { nodeId: 'm3', generation: 1n };

/** m1, m2 and m3, with what a test changes of one. */
export function threeNodes(changes: Readonly<Record<string, Partial<Node>>> = {}): Topology {
  const topology = metadataCluster({ m1: '127.0.0.1:1', m2: '127.0.0.1:2', m3: '127.0.0.1:3' });
  const nodes = [...topology.nodes].map(([id, node]): [string, Node] => [id, { ...node, ...changes[id] }]);
  return { ...topology, nodes: new Map(nodes) };
}

/** Who holds the partition, by default m2 as the primary of m1. */
export function assigned(epoch: bigint, primaryId: string, changes: Partial<Partition> = {}): Partition {
  return { id: partition, epoch, primaryId, inSync: ['m1', 'm2', 'm3'], replicas: ['m1', 'm2', 'm3'], ...changes };
}

/** An append as the primary makes it: from the beginning, in epoch 5, without entries, unless told otherwise. */
export function appendOf(changes: Partial<PartitionAppend>): PartitionAppend {
  return signedAppend({
    partition,
    epoch: 5n,
    previousIndex: 0n,
    previousEpoch: 0n,
    records: [],
    committedIndex: 0n,
    snapshotRequired: false,
    ...changes,
  });
}

export function beaconOf(changes: Partial<PartitionBeacon>): PartitionBeacon {
  return signedBeacon({
    partition,
    epoch: 5n,
    committedIndex: 0n,
    committedEpoch: 0n,
    relinquished: false,
    unheard: false,
    ...changes,
  });
}

/** What the coordinators are asked, and what they answer. */
export function heldAuthority() {
  const asked: ProposedChange[] = [];
  const silent: (readonly { readonly partition: number; readonly epoch: bigint }[])[] = [];
  const held = { answer: (): Promise<void> => new Promise(() => undefined) };
  return {
    asked,
    silent,
    held,
    changePartition: (change: ProposedChange) => {
      asked.push(change);
      return held.answer();
    },
    reportSilent: (partitions: (typeof silent)[number]) => void silent.push(partitions),
  };
}

/** The replica of node m1 on a disk in memory, with a clock, a topology and coordinators that a test moves. */
export function sampleReplica(
  options: { readonly memory?: ReturnType<typeof memoryDisk>; readonly retention?: LogRetention } = {},
) {
  const { memory = memoryDisk(), retention = { entries: 1_000, bytes: 1_000_000 } } = options;
  const clock = manualClock();
  const log = recordingLog();
  const authority = heldAuthority();
  const held = { topology: threeNodes() };
  const snapshotsNeeded: number[] = [];
  const replica = new PartitionReplica(
    { nodeId: 'm1', partition, retention },
    {
      store: memory.store,
      authority,
      refs: new RefsCache(),
      clock,
      log,
      topology: () => held.topology,
      timings: () => timingsOf(leaseMs),
      onAppended: () => undefined,
      onSnapshotNeeded: (id) => void snapshotsNeeded.push(id),
      stopping: new AbortController().signal,
    },
  );
  /** The answer to an append, once what it brings is on disk. */
  const append = async (changes: Partial<PartitionAppend>, sender = process2) => {
    const answer = replica.handleAppend(appendOf(changes), sender);
    answer.catch(() => undefined);
    await memory.sync();
    return answer;
  };
  const submit = (name: string, signal = new AbortController().signal) =>
    replica.submit(creation(name), { bytes: 10, signal });
  const entries = () => replica.disk.log;
  const epochs = () =>
    Array.from({ length: Number(entries().last.index - entries().base.index) }, (_, at) =>
      entries().epochAt(entries().base.index + BigInt(at) + 1n),
    );
  return { replica, memory, clock, log, authority, held, snapshotsNeeded, append, submit, epochs };
}

export type SampleReplica = ReturnType<typeof sampleReplica>;

/** The term that a replica must have. */
export function termOf({ replica }: Pick<SampleReplica, 'replica'>): PrimaryTerm {
  if (replica.term === undefined) throw new Error('the replica is not the primary');
  return replica.term;
}

/** Another replica has everything on its disk up to an index. */
export function matches(sample: SampleReplica, { nodeId, generation }: Sender, index: bigint): void {
  const term = termOf(sample);
  const ack = signedAck({ appliedIndex: 0n, partition, epoch: term.epoch, result: AppendResult.DURABLE, index });
  term.acknowledged(nodeId, generation, ack);
}

/** Another replica has acknowledged a beacon that was sent just now. */
export function hears(
  sample: SampleReplica,
  { nodeId, generation }: Sender,
  sentMs = sample.clock.monotonicMs(),
): void {
  const term = termOf(sample);
  term.beaconAccepted(nodeId, generation, term.epoch, sentMs);
}

/** m1 as the primary of an epoch, with a lease from both others and everything in its log taken over. */
export async function servingReplica(epoch = 5n, changes: Partial<Partition> = {}) {
  const sample = sampleReplica();
  sample.replica.follow(assigned(epoch, 'm1', changes));
  sample.clock.advance(2 * leaseMs);
  renew(sample);
  sample.replica.refusal();
  // A process that has acknowledged nobody waits once more.
  sample.clock.advance(2 * leaseMs);
  renew(sample);
  await settled();
  sample.replica.read(() => undefined);
  return sample;
}

/** Both others hold everything and have just acknowledged a beacon. */
export function renew(sample: SampleReplica, processes: readonly Sender[] = [process2, process3]): void {
  for (const process of processes) {
    matches(sample, process, sample.replica.disk.log.durableIndex);
    hears(sample, process);
  }
}
