import { hash } from 'node:crypto';
import type { Clock } from '../../base/clock.ts';
import { withDeadline } from '../../base/deadline.ts';
import { asStratumError, hasCode, type NodeFailure, StratumError } from '../../base/errors.ts';
import type { Oid } from '../../base/oid.ts';
import { MiB } from '../../base/units.ts';
import type { SmallBlob, SmallBlobAnswer } from '../../store/blob-store.ts';
import { contentMismatch } from '../../store/checked-content.ts';
import type { NodeDirectory } from '../node-directory.ts';
import type { Fence, NodeReader, NodeWriter } from '../node-io.ts';
import type { NotedGap } from '../replica-gaps.ts';
import { isFailureOfNode } from './failure-of-node.ts';
import { type CopyThrottle, ReplicaSource } from './replica-source.ts';

/** What became of a gap. */
export type GapFate =
  /** A verified copy was put, and the node has it durably. */
  | { readonly outcome: 'CLOSED' }
  /** The node has a copy already, and one that is young enough; or it is no longer one of the blob's own. */
  | { readonly outcome: 'NEEDLESS' }
  /** Every other one of the blob's own nodes says that it has no copy. */
  | { readonly outcome: 'LOST'; readonly error: StratumError }
  /** TARGET: the node could not be asked or written; SOURCE: no good copy could be read from the others. */
  | { readonly outcome: 'FAILED'; readonly at: 'TARGET' | 'SOURCE'; readonly error: StratumError };

/** How long the calls that copy a blob may take, in milliseconds. */
export interface CopyTimeouts {
  /** For a call that carries no bytes. */
  readonly timeoutMs: number;
  /** For each MiB in addition. */
  readonly timeoutPerMiBMs: number;
  /** Until a source's first answer, and between two chunks. */
  readonly stallTimeoutMs: number;
}

/** A gap and where the blob may be read, the likely best node first. */
export interface SourcedGap {
  readonly gap: NotedGap;
  /** The blob's own nodes other than the one that lacks it. */
  readonly sourceIds: readonly string[];
}

/** What one node's gaps are closed with. */
export interface GapCopyModules {
  readonly clock: Clock;
  readonly nodes: NodeDirectory;
  /** The node that lacks the blobs. */
  readonly target: NodeWriter;
  readonly fence: Fence;
  readonly timeouts: CopyTimeouts;
  readonly throttle?: CopyThrottle | undefined;
  readonly signal: AbortSignal;
}

/** Milliseconds for a call that moves so many bytes. */
export function copyTimeoutMs({ timeoutMs, timeoutPerMiBMs }: CopyTimeouts, bytes: number): number {
  return timeoutMs + (bytes / MiB) * timeoutPerMiBMs;
}

/**
 * Copies one blob of any size, streamed. One source after another is read from its beginning: a copy
 * that turns out wrong at its end makes the target refuse the whole put, and the next source is tried.
 */
export async function copyStreamed({ gap, sourceIds }: SourcedGap, modules: GapCopyModules): Promise<GapFate> {
  const { clock, nodes, target, fence, timeouts, throttle, signal } = modules;
  const failures: NodeFailure[] = [];
  for (const nodeId of sourceIds) {
    const node = nodes.reader(nodeId);
    if (node === undefined) {
      failures.push(unregistered(nodeId));
      continue;
    }
    const timeoutMs = copyTimeoutMs(timeouts, gap.size);
    const { stallTimeoutMs } = timeouts;
    const source = new ReplicaSource({ ...gap, timeoutMs, stallTimeoutMs, signal }, { clock, node, throttle });
    try {
      const put = (ended: AbortSignal) => target.put(source, fence, { timeoutMs, signal: ended });
      await withDeadline(clock, `PutBlob at ${target.nodeId}`, timeoutMs, put, signal);
      return { outcome: 'CLOSED' };
    } catch (error) {
      if (source.failure === undefined || signal.aborted) return failedAt('TARGET', error);
      failures.push(failureOf(node, source.failure));
    }
  }
  return judge(gap.oid, sourceIds, failures);
}

/** Copies blobs of at most `smallBlobBytesMax` bytes, 4 MiB together, in few calls; a fate for each, in order. */
export async function copySmall(gaps: readonly SourcedGap[], modules: GapCopyModules): Promise<readonly GapFate[]> {
  const reads = gaps.map((each) => new SmallRead(each));
  await readSmall(reads, modules);
  const found = reads.flatMap(({ gap: { oid }, content }) => (content === undefined ? [] : [{ oid, content }]));
  const fates = found.length === 0 ? [] : await putSmall(found, modules);
  let at = 0;
  return reads.map(({ gap, sourceIds, content, failures }) => {
    if (content === undefined) return judge(gap.oid, sourceIds, failures);
    at += 1;
    return fates[at - 1] ?? failedAt('TARGET', new Error(`${modules.target.nodeId} gave too few fates`));
  });
}

/** Puts small blobs in one call, or each for itself when that call fails and it is not the node's failure. */
async function putSmall(blobs: readonly SmallBlob[], modules: GapCopyModules): Promise<readonly GapFate[]> {
  const { clock, target, fence, timeouts, throttle, signal } = modules;
  const bytes = blobs.reduce((sum, { content }) => sum + content.length, 0);
  try {
    await throttle?.pass(bytes, signal);
    const timeoutMs = copyTimeoutMs(timeouts, bytes);
    const put = (ended: AbortSignal) => target.putMany(blobs, fence, { timeoutMs, signal: ended });
    const answers = await withDeadline(clock, `PutBlobs at ${target.nodeId}`, timeoutMs, put, signal);
    return answers.map((fate) => (fate instanceof StratumError ? failedAt('TARGET', fate) : { outcome: 'CLOSED' }));
  } catch (error) {
    const isOfAll = blobs.length === 1 || signal.aborted || isFailureOfNode(asStratumError(error));
    if (isOfAll) return blobs.map(() => failedAt('TARGET', error));
  }
  const fates: GapFate[] = [];
  for (const blob of blobs) {
    const last = fates.at(-1);
    fates.push(...(last !== undefined && isRefusal(last) ? [last] : await putSmall([blob], modules)));
  }
  return fates;
}

/** A small blob that is looked for at one source after another. */
class SmallRead implements SourcedGap {
  readonly gap: NotedGap;
  readonly sourceIds: readonly string[];
  readonly failures: NodeFailure[] = [];
  content: Buffer | undefined;

  constructor({ gap, sourceIds }: SourcedGap) {
    this.gap = gap;
    this.sourceIds = sourceIds;
  }
}

/** Fills in the verified contents, asking each blob's sources in turn, and all blobs of a source in one call. */
async function readSmall(reads: readonly SmallRead[], modules: GapCopyModules): Promise<void> {
  const { nodes, signal } = modules;
  for (let turn = 0; !signal.aborted; turn += 1) {
    const left = reads.filter(({ content, sourceIds }) => content === undefined && turn < sourceIds.length);
    if (left.length === 0) return;
    const bySource = Map.groupBy(left, ({ sourceIds }) => sourceIds[turn] ?? '');
    await Promise.all(
      [...bySource].map(async ([nodeId, asked]) => {
        const node = nodes.reader(nodeId);
        if (node === undefined) for (const read of asked) read.failures.push(unregistered(nodeId));
        else await readFrom(node, asked, modules);
      }),
    );
  }
}

async function readFrom(node: NodeReader, reads: readonly SmallRead[], modules: GapCopyModules): Promise<void> {
  const { clock, timeouts, signal } = modules;
  const timeoutMs = copyTimeoutMs(
    timeouts,
    reads.reduce((sum, { gap }) => sum + gap.size, 0),
  );
  const oids = reads.map(({ gap }) => gap.oid);
  try {
    const get = (ended: AbortSignal) => node.getMany(oids, { timeoutMs, signal: ended });
    const answers = await withDeadline(clock, `GetBlobs at ${node.nodeId}`, timeoutMs, get, signal);
    for (const [index, read] of reads.entries()) {
      const answer = verified(read.gap.oid, answers[index]);
      if (answer instanceof StratumError) read.failures.push(failureOf(node, answer));
      else read.content = answer;
    }
  } catch (error) {
    const isOfAll = reads.length === 1 || signal.aborted || isFailureOfNode(asStratumError(error));
    if (!isOfAll) for (const read of reads) await readFrom(node, [read], modules);
    else for (const read of reads) read.failures.push(failureOf(node, error));
  }
}

/** The content, if it is what its name says. A corrupt copy is never a source. */
function verified(oid: Oid, answer: SmallBlobAnswer | undefined): Buffer | StratumError {
  switch (answer?.presence) {
    case 'PRESENT': {
      const got = hash('sha256', answer.content, 'hex');
      return got === oid ? answer.content : contentMismatch(oid, got);
    }
    case 'MISSING':
      return new StratumError('BLOB_NOT_FOUND', `it has no blob ${oid}`, { kind: 'blob', id: oid });
    case 'CORRUPT':
      return contentMismatch(oid, 'something else, as the node itself says');
    default:
      return new StratumError('NOT_READY', `it cannot say whether it has blob ${oid}`, { what: 'blob' });
  }
}

/**
 * No source had a good copy. Only when each of them denies to have any is the blob gone: with the
 * target, which lacks it too, these are all N, more than the N - W + 1 that NOT_FOUND needs.
 */
function judge(oid: Oid, sourceIds: readonly string[], failures: readonly NodeFailure[]): GapFate {
  if (failures.filter(({ error }) => hasCode(error, 'BLOB_NOT_FOUND')).length === sourceIds.length) {
    const details = { kind: 'blob', id: oid };
    return { outcome: 'LOST', error: new StratumError('BLOB_NOT_FOUND', `no other node holds blob ${oid}`, details) };
  }
  const reasons = failures.map(({ nodeId, error }) => `${nodeId}: ${error.message}`).join('; ');
  const message = `no good copy of blob ${oid} could be read: ${reasons}`;
  const details = { required: 1, achieved: 0, nodes: failures };
  return failedAt('SOURCE', new StratumError('INSUFFICIENT_REPLICAS', message, details));
}

function failureOf({ nodeId, endpoint }: NodeReader, error: unknown): NodeFailure {
  return { nodeId, endpoint, attempt: 1, error: asStratumError(error) };
}

function unregistered(nodeId: string): NodeFailure {
  const endpoint = 'unknown';
  const error = new StratumError('UNREACHABLE', `${nodeId} is not registered`, { endpoint });
  return { nodeId, endpoint, attempt: 1, error };
}

/** Whether what became of a gap says that the node that lacks it cannot be asked or written at all. */
export function isRefusal<Fate extends GapFate>(fate: Fate): fate is Fate & { readonly outcome: 'FAILED' } {
  return fate.outcome === 'FAILED' && fate.at === 'TARGET' && isFailureOfNode(fate.error);
}

/** A fate of a gap that stays open. */
export function failedAt(at: 'TARGET' | 'SOURCE', error: unknown): GapFate {
  return { outcome: 'FAILED', at, error: asStratumError(error) };
}
