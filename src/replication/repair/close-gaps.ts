import type { Clock } from '../../base/clock.ts';
import { withDeadline } from '../../base/deadline.ts';
import { asStratumError, StratumError } from '../../base/errors.ts';
import type { Oid } from '../../base/oid.ts';
import { MiB } from '../../base/units.ts';
import { smallBlobBytesMax, smallBlobsBytesMax } from '../../rpc/limits.ts';
import type { Topology, TopologySource } from '../../topology/topology.ts';
import { inProcessEndpoint, type NodeDirectory } from '../node-directory.ts';
import type { NodeReader } from '../node-io.ts';
import { type Placement, placementOf, stateRank } from '../placement.ts';
import type { NotedGap } from '../replica-gaps.ts';
import { isFailureOfNode } from './failure-of-node.ts';
import {
  type CopyTimeouts,
  copySmall,
  copyStreamed,
  copyTimeoutMs,
  failedAt,
  type GapCopyModules,
  type GapFate,
  isRefusal,
  type SourcedGap,
} from './gap-copy.ts';
import type { CopyThrottle } from './replica-source.ts';

/** A gap and what became of it. */
export type GapResult = GapFate & { readonly gap: NotedGap };

/** What gaps are closed with. */
export interface CloseGapsModules {
  readonly topology: TopologySource;
  readonly nodes: NodeDirectory;
  readonly clock: Clock;
  /** How fast contents may be copied; as fast as it goes without it. */
  readonly throttle?: CopyThrottle;
  /** Those of the quorum writer and reader unless given. */
  readonly timeouts?: CopyTimeouts;
}

/** Nodes whose gaps are closed at the same time, and copies to each of them: four copies in all. */
const nodesAtOnceMax = 2;
const copiesPerNodeMax = 2;

/** Blobs of one question or one message of small contents. */
const blobsPerCallMax = 256;

/** Bytes that a node is asked to hash in one call. */
const hashedBytesMax = 256 * MiB;

/** 200 ms for a MiB is a disk or a network of 5 MiB/s. */
export const defaultCopyTimeouts: CopyTimeouts = { timeoutMs: 10_000, timeoutPerMiBMs: 200, stallTimeoutMs: 10_000 };

/**
 * Closes gaps: asks each node which of its gaps are still open, and puts there what a verified copy of
 * another of the blob's own nodes gives, by the current ring and under its fence. A node that cannot be
 * asked or written is not tried again in the same call; an error of one blob alone is that blob's. Every
 * call to a node has a deadline. Never rejects: a result for each gap, in order; after an abort those
 * that were not closed are FAILED.
 */
export async function closeGaps(
  gaps: readonly NotedGap[],
  modules: CloseGapsModules,
  signal: AbortSignal,
): Promise<readonly GapResult[]> {
  const fates = new Map<NotedGap, GapFate>();
  const byNode = [...Map.groupBy(gaps, ({ nodeId }) => nodeId)];
  await eachLimited(byNode, nodesAtOnceMax, ([nodeId, ofNode]) =>
    closeAtNode(nodeId, ofNode, modules, fates, signal).catch((error: unknown) => {
      for (const gap of ofNode) if (!fates.has(gap)) fates.set(gap, failedAt('TARGET', error));
    }),
  );
  return gaps.map((gap) => ({ ...(fates.get(gap) ?? failedAt('TARGET', signal.reason)), gap }));
}

/** Rejects when the node as a whole fails; fates that are known by then stay. */
async function closeAtNode(
  nodeId: string,
  gaps: readonly NotedGap[],
  modules: CloseGapsModules,
  fates: Map<NotedGap, GapFate>,
  signal: AbortSignal,
): Promise<void> {
  const { topology, nodes, clock, throttle, timeouts = defaultCopyTimeouts } = modules;
  const own: SourcedGap[] = [];
  let known: Topology | undefined;
  for (const gap of gaps) {
    const placement = placementOf(topology, gap.oid);
    known = placement.topology;
    if (!placement.nodeIds.includes(nodeId)) fates.set(gap, { outcome: 'NEEDLESS' });
    else own.push({ gap, sourceIds: sourcesOf(placement, nodeId, nodes) });
  }
  if (own.length === 0 || known === undefined) return;
  // A member of the ring that is not registered lacks its blobs all the same: it may be back in a moment.
  const [target, reader] = known.nodes.has(nodeId) ? [nodes.writer(nodeId), nodes.reader(nodeId)] : [];
  if (target === undefined || reader === undefined) {
    throw new StratumError('UNREACHABLE', `${nodeId} is not registered`, { endpoint: 'unknown' });
  }
  const open: SourcedGap[] = [];
  for (const each of questions(own)) open.push(...(await stillOpen(reader, each, { clock, timeouts, fates, signal })));
  const fence = { term: known.term, ringEpoch: known.ring.epoch };
  await copyAll(open, { clock, nodes, target, fence, timeouts, throttle, signal }, fates);
}

/** Copies until all is done or the node fails; rejects with why it did. */
async function copyAll(gaps: SourcedGap[], modules: GapCopyModules, fates: Map<NotedGap, GapFate>): Promise<void> {
  await eachLimited(copies(gaps), copiesPerNodeMax, async (copy) => {
    modules.signal.throwIfAborted();
    const [first] = copy;
    const isStreamed = first !== undefined && first.gap.size > smallBlobBytesMax;
    const found = isStreamed ? [await copyStreamed(first, modules)] : await copySmall(copy, modules);
    for (const [index, { gap }] of copy.entries()) {
      const fate = found[index];
      if (fate !== undefined) fates.set(gap, fate);
    }
    const refusal = found.find(isRefusal);
    if (refusal !== undefined) throw refusal.error;
  });
}

/** Where a gap's blob may be read: good nodes before doubtful ones, this process before others, then the ring's order. */
function sourcesOf({ topology, nodeIds }: Placement, targetId: string, nodes: NodeDirectory): readonly string[] {
  const distance = (nodeId: string) => (nodes.reader(nodeId)?.endpoint === inProcessEndpoint ? 0 : 1);
  return nodeIds
    .filter((nodeId) => nodeId !== targetId)
    .sort((a, b) => stateRank(topology, a) - stateRank(topology, b) || distance(a) - distance(b));
}

/** What a node is asked with, and where the answers go. */
interface QuestionModules {
  readonly clock: Clock;
  readonly timeouts: CopyTimeouts;
  readonly fates: Map<NotedGap, GapFate>;
  readonly signal: AbortSignal;
}

/** The gaps that a node's answers leave open; the others get their fates. Rejects when the node as a whole fails. */
async function stillOpen(
  node: NodeReader,
  gaps: readonly SourcedGap[],
  modules: QuestionModules,
): Promise<SourcedGap[]> {
  const { fates, signal } = modules;
  signal.throwIfAborted();
  try {
    const held = await heldBy(node, gaps, modules);
    for (const { gap } of gaps) if (held.has(gap)) fates.set(gap, { outcome: 'NEEDLESS' });
    return gaps.filter(({ gap }) => !held.has(gap));
  } catch (error) {
    if (signal.aborted || isFailureOfNode(asStratumError(error))) throw error;
    if (gaps.length === 1) {
      for (const { gap } of gaps) fates.set(gap, failedAt('TARGET', error));
      return [];
    }
  }
  // One of the blobs made the question fail for all.
  const open: SourcedGap[] = [];
  for (const each of gaps) open.push(...(await stillOpen(node, [each], modules)));
  return open;
}

/**
 * For which of the gaps the node has a copy that closes it. Where its copy was found to be wrong, it
 * hashes it first: a node that has not noticed would call it present.
 */
async function heldBy(
  node: NodeReader,
  gaps: readonly SourcedGap[],
  { clock, timeouts, signal }: QuestionModules,
): Promise<ReadonlySet<NotedGap>> {
  const verify = gaps.some(({ gap }) => gap.reason === 'CORRUPT');
  const hashedBytes = verify ? gaps.reduce((sum, { gap }) => sum + gap.size, 0) : 0;
  const oids = gaps.map(({ gap }) => gap.oid);
  const timeoutMs = copyTimeoutMs(timeouts, hashedBytes);
  const ask = (ended: AbortSignal) => node.has(oids, verify, { timeoutMs, signal: ended });
  const reports = await withDeadline(clock, `HasBlobs at ${node.nodeId}`, timeoutMs, ask, signal);
  const storedAtMs = new Map<Oid, number>();
  for (const report of reports) if (report.presence === 'PRESENT') storedAtMs.set(report.oid, report.storedAtMs);
  return new Set(gaps.map(({ gap }) => gap).filter((gap) => isClosedBy(storedAtMs.get(gap.oid), gap)));
}

/** Whether the copy that a node has is the one it lacked: it may have an older one, whose age was to be renewed. */
function isClosedBy(storedAtMs: number | undefined, { reason, notedAtMs }: NotedGap): boolean {
  if (storedAtMs === undefined) return false;
  return reason !== 'MISSED_WRITE' || notedAtMs === undefined || storedAtMs >= notedAtMs;
}

/** Gaps in groups for one question each, those whose copy must be hashed apart from the others. */
function questions(gaps: readonly SourcedGap[]): SourcedGap[][] {
  const [plain, hashed] = [false, true].map((verify) =>
    gaps.filter(({ gap }) => (gap.reason === 'CORRUPT') === verify),
  );
  return [...inGroups(plain ?? [], () => 0, 0), ...inGroups(hashed ?? [], ({ gap }) => gap.size, hashedBytesMax)];
}

/** Gaps in groups for one copy each: small ones together, every other one for itself. */
function copies(gaps: readonly SourcedGap[]): SourcedGap[][] {
  const [small, large] = [true, false].map((isSmall) =>
    gaps.filter(({ gap }) => gap.size <= smallBlobBytesMax === isSmall),
  );
  return [...inGroups(small ?? [], ({ gap }) => gap.size, smallBlobsBytesMax), ...(large ?? []).map((gap) => [gap])];
}

function inGroups<T>(items: readonly T[], bytesOf: (item: T) => number, bytesMax: number): T[][] {
  const groups: T[][] = [];
  let bytes = 0;
  for (const item of items) {
    const group = groups.at(-1);
    const isFull = group === undefined || group.length >= blobsPerCallMax || bytes + bytesOf(item) > bytesMax;
    if (isFull) groups.push([item]);
    else group.push(item);
    bytes = isFull ? bytesOf(item) : bytes + bytesOf(item);
  }
  return groups;
}

/** Works on so many items at a time, in order. After a failure no other is begun; rejects with the first when all have ended. */
async function eachLimited<T>(items: readonly T[], max: number, work: (item: T) => Promise<void>): Promise<void> {
  const failures: unknown[] = [];
  const queue = items.values();
  const workers = Array.from({ length: max }, async () => {
    for (const item of queue) {
      if (failures.length > 0) return;
      try {
        await work(item);
      } catch (error) {
        failures.push(error);
      }
    }
  });
  await Promise.all(workers);
  if (failures.length > 0) throw asStratumError(failures[0]);
}
