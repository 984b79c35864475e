import { StratumError } from '../../../src/base/errors.ts';
import { oidOf } from '../../../src/base/oid.ts';
import type { GapReason, GapSink, ReplicaGap } from '../../../src/replication/replica-gaps.ts';
import { QuorumWriter, type QuorumWriterOptions } from '../../../src/replication/write/quorum-writer.ts';
import type { SmallBlob } from '../../../src/store/blob-store.ts';
import type { NodeState, Topology, TopologySource } from '../../../src/topology/topology.ts';
import { manualClock } from '../base/manual-clock.ts';
import { healthy, ringOf, topologyOf } from './sample-ring.ts';
import { directoryOf, ScriptedNode } from './scripted-node.ts';

/** What gaps were noted, in order. */
export class RecordingGaps implements GapSink {
  readonly noted: { readonly gap: ReplicaGap; readonly reason: GapReason }[] = [];

  note(gap: ReplicaGap, reason: GapReason): void {
    this.noted.push({ gap, reason });
  }

  /** The nodes that gaps were noted of, in order. */
  get nodeIds(): readonly string[] {
    return this.noted.map(({ gap }) => gap.nodeId);
  }
}

/** What a sample writer is made of, where it differs. */
export interface SampleWriterParts {
  readonly states?: Readonly<Record<string, NodeState>>;
  readonly topology?: TopologySource & { set(topology: Topology): void };
  readonly options?: QuorumWriterOptions;
  /** Without a sink nobody makes up for what is missed. */
  readonly hasGaps?: boolean;
}

/** A writer to three scripted nodes on a clock that stands still. */
export function sampleWriter({ states = healthy, options = {}, hasGaps = true, ...parts }: SampleWriterParts = {}) {
  const clock = manualClock();
  const nodes: [ScriptedNode, ScriptedNode, ScriptedNode] = [
    new ScriptedNode('o1'),
    new ScriptedNode('o2'),
    new ScriptedNode('o3'),
  ];
  const gaps = new RecordingGaps();
  const topology = parts.topology ?? topologyOf(ringOf(states));
  const modules = { clock, topology, nodes: directoryOf(...nodes), gaps: hasGaps ? gaps : undefined };
  return { clock, nodes, gaps, topology, modules, writer: new QuorumWriter(options, modules) };
}

/** Throws as a node with a full disk does. */
export function refused(): never {
  throw new StratumError('DISK_FULL', 'no room', { what: 'free disk', limit: 1n });
}

/** Throws as a node with a newer ring does. */
export function staleEpoch(): never {
  throw new StratumError('STALE_EPOCH', 'old ring', { fence: 'ring_epoch', sent: 1n, current: 2n });
}

/** Lets everything that waits for nothing but its turn go on. */
export async function settle(): Promise<void> {
  for (let turn = 0; turn < 5; turn += 1) await new Promise((resolve) => setImmediate(resolve));
}

/** Whether a promise has resolved or rejected by now. */
export async function isSettled(promise: Promise<unknown>): Promise<boolean> {
  let ended = false;
  const end = () => {
    ended = true;
  };
  promise.then(end, end);
  await settle();
  return ended;
}

/** A blob of one content. */
export function smallBlob(content: string | Buffer): SmallBlob {
  const bytes = Buffer.from(content);
  return { oid: oidOf(bytes), content: bytes };
}

/** Different blobs of `size` bytes each. */
export function smallBlobs(count: number, size = 16): SmallBlob[] {
  return Array.from({ length: count }, (_, index) => smallBlob(Buffer.alloc(size, `blob ${index} `)));
}

/** A formed ring of three healthy nodes at this epoch. */
export function ringAt(epoch: bigint): Topology {
  const { ring, ...rest } = ringOf(healthy);
  return { ...rest, version: epoch, ring: { ...ring, epoch } };
}
