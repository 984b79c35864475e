import { onTestFinished } from 'vitest';
import type { Clock } from '../../../../../src/base/clock.ts';
import { StratumError } from '../../../../../src/base/errors.ts';
import { RefsCache } from '../../../../../src/node/metadata/refs-cache.ts';
import {
  MetadataReplicas,
  type MetadataReplicasOptions,
} from '../../../../../src/node/metadata/replication/metadata-replicas.ts';
import type { PartitionReplica } from '../../../../../src/node/metadata/replication/partition-replica.ts';
import type { ReplicaPeer } from '../../../../../src/node/metadata/replication/replica-peer.ts';
import { readRepoCount } from '../../../../../src/node/metadata/state-machine/totals.ts';
import type { FetchSnapshotResponse } from '../../../../../src/rpc/gen/stratum/v1/metadata.ts';
import type { Partition, Topology } from '../../../../../src/topology/topology.ts';
import { manualClock } from '../../../base/manual-clock.ts';
import { recordingLog } from '../../../base/recording-log.ts';
import { memoryDisk, settled } from '../memory-disk.ts';
import { type HeldTopology, heldTopology } from '../sample-topology.ts';
import { creation } from './sample-records.ts';
import { heldAuthority, threeNodes } from './sample-replica.ts';

/** Between two looks at the disks. */
const stepMs = 50;

/** A metadata node's replicas, and what a test does to them. */
export interface SampleNode {
  readonly id: string;
  readonly replicas: MetadataReplicas;
  readonly memory: ReturnType<typeof memoryDisk>;
  readonly topology: HeldTopology;
  readonly authority: ReturnType<typeof heldAuthority>;
  readonly log: ReturnType<typeof recordingLog>;
  /** Appends that came here: how many partitions each was for. */
  readonly appends: number[];
  /** Its timers do nothing, as in a process that stands still. */
  isStalled: boolean;
  /** Nothing reaches it, and nothing comes from it. */
  isCut: boolean;
  /** What becomes of a snapshot that is fetched from it. */
  damage: (messages: AsyncIterable<FetchSnapshotResponse>) => AsyncIterable<FetchSnapshotResponse>;
}

/** The partitions with these assignments, in order, on m1, m2 and m3. */
export function placed(
  partitions: readonly Omit<Partition, 'id'>[],
  changes: Parameters<typeof threeNodes>[0] = {},
): Topology {
  const topology = threeNodes(changes);
  return {
    ...topology,
    settings: { ...topology.settings, partitions: partitions.length },
    partitions: partitions.map((partition, id) => ({ ...partition, id })),
  };
}

/** An assignment to m1, m2 and m3, all in sync. */
export function held(epoch: bigint, primaryId: string, changes: Partial<Partition> = {}): Omit<Partition, 'id'> {
  return { epoch, primaryId, inSync: ['m1', 'm2', 'm3'], replicas: ['m1', 'm2', 'm3'], ...changes };
}

/** Three metadata nodes that reach each other, under one clock; each sees the topology that it is given. */
export async function sampleCluster(first: Topology, options: Partial<MetadataReplicasOptions> = {}) {
  const clock = manualClock();
  const nodes = new Map<string, SampleNode>();
  for (const id of ['m1', 'm2', 'm3']) nodes.set(id, sampleNode(id, { clock, nodes, options }));
  const of = (id: string): SampleNode => nodes.get(id) ?? unknown(id);
  const everyDisk = async () => {
    for (const { memory } of nodes.values()) await memory.sync();
    await settled();
  };
  const run = async (ms: number) => {
    for (let passedMs = 0; passedMs < ms; passedMs += stepMs) {
      clock.advance(stepMs);
      await everyDisk();
    }
  };
  const see = (topology: Topology, ...ids: readonly string[]) => {
    for (const id of ids.length === 0 ? nodes.keys() : ids) of(id).topology.set(topology);
  };
  for (const { replicas } of nodes.values()) {
    await replicas.start();
    onTestFinished(async () => {
      const stopped = replicas.stop();
      clock.advance(5_000);
      await everyDisk();
      await stopped;
    });
  }
  see(first);
  const submit = (id: string, partition: number, name: string, signal = new AbortController().signal) =>
    of(id).replicas.access.submit(partition, creation(name), { bytes: 10, signal });
  /** Repositories that a node knows of, whether it may serve them or not. */
  const count = (id: string, partition: number) => Number(replicaOf(of(id), partition).peek(readRepoCount));
  return { clock, of, run, see, submit, count, everyDisk };
}

function unknown(id: string): never {
  throw new Error(`no node ${id}`);
}

export function replicaOf({ id, replicas }: SampleNode, partition: number): PartitionReplica {
  const replica = replicas.replicas.get(partition);
  if (replica === undefined) throw new Error(`no replica of partition ${partition} at ${id}`);
  return replica;
}

function sampleNode(
  id: string,
  {
    clock,
    nodes,
    options,
  }: { clock: Clock; nodes: ReadonlyMap<string, SampleNode>; options: Partial<MetadataReplicasOptions> },
): SampleNode {
  const memory = memoryDisk();
  const topology = heldTopology(undefined);
  const authority = heldAuthority();
  const log = recordingLog();
  const peers = {
    peer: (peerId: string) =>
      peerOf(
        () => node,
        () => nodes.get(peerId),
      ),
  };
  const own: Clock = {
    ...clock,
    every: (intervalMs, callback) => clock.every(intervalMs, () => void (node.isStalled || callback())),
  };
  const replicas = new MetadataReplicas(
    { nodeId: id, generationId: 1n, ...options },
    { store: memory.store, topology, peers, authority, refs: new RefsCache(), clock: own, log },
  );
  const node: SampleNode = {
    id,
    replicas,
    memory,
    topology,
    authority,
    log,
    appends: [],
    isStalled: false,
    isCut: false,
    damage: (messages) => messages,
  };
  return node;
}

/** The way to a node; a call on a way that is cut ends with its deadline. */
function peerOf(from: () => SampleNode, to: () => SampleNode | undefined): ReplicaPeer {
  const reach = async <T>(signal: AbortSignal, work: (node: SampleNode) => Promise<T>): Promise<T> => {
    const node = to();
    if (node === undefined || node.isCut || from().isCut) {
      return new Promise((_, reject) => signal.addEventListener('abort', () => reject(signal.reason), { once: true }));
    }
    return work(node);
  };
  return {
    appendEntries: (request, signal) =>
      reach(signal, (node) => {
        node.appends.push(request.appends.length);
        return node.replicas.appendEntries(request);
      }),
    beacon: (request, signal) => reach(signal, (node) => node.replicas.beacon(request)),
    fetchSnapshot: (request) => {
      const node = to();
      if (node === undefined || node.isCut) throw new StratumError('UNREACHABLE', 'cut off', { endpoint: 'peer' });
      return node.damage(node.replicas.fetchSnapshot(request));
    },
  };
}
