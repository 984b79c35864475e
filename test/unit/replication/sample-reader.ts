import type { StratumError } from '../../../src/base/errors.ts';
import { type Oid, oidOf } from '../../../src/base/oid.ts';
import type { BlobStream } from '../../../src/replication/node-io.ts';
import { NodeLatencies } from '../../../src/replication/node-latency.ts';
import type { QuorumCallOptions } from '../../../src/replication/object-api.ts';
import { QuorumReader } from '../../../src/replication/read/quorum-reader.ts';
import type { HedgeResult } from '../../../src/replication/read/read-observer.ts';
import type { QuorumReaderOptions } from '../../../src/replication/read/reader-settings.ts';
import type { GapReason, ReplicaGap } from '../../../src/replication/replica-gaps.ts';
import { HashRing } from '../../../src/topology/hash-ring.ts';
import type { NodeState } from '../../../src/topology/topology.ts';
import { type ManualClock, manualClock } from '../base/manual-clock.ts';
import { healthy, ringOf, topologyOf } from './sample-ring.ts';
import { directoryOf, hang, ScriptedNode } from './scripted-node.ts';

/** A blob of several chunks of a scripted node. */
export const content = Buffer.from('a blob that takes several chunks');
export const oid = oidOf(content);

/** A reader of three nodes that all have the blob, in the order of its placement. */
export function sampleReader(
  options: QuorumReaderOptions = {},
  states: Readonly<Record<string, NodeState>> = healthy,
  inProcess = -1,
) {
  const clock = manualClock();
  const placement = HashRing.of(ringOf(healthy).ring).placement(oid);
  const node = (index: number) =>
    new ScriptedNode(placement[index] ?? '', index === inProcess ? 'in-process' : undefined);
  const nodes = [node(0), node(1), node(2)] as const;
  for (const each of nodes) each.blobs.set(oid, content);
  const noted: [ReplicaGap, GapReason][] = [];
  const topology = topologyOf(ringOf(states));
  const latencies = new NodeLatencies({ clock });
  const gaps = { note: (gap: ReplicaGap, reason: GapReason) => void noted.push([gap, reason]) };
  const hedges: HedgeResult[] = [];
  const readObserver = { hedged: (result: HedgeResult) => void hedges.push(result) };
  const reader = new QuorumReader(
    { stallTimeoutMs: 10_000, ...options },
    { clock, topology, nodes: directoryOf(...nodes), latencies, gaps, readObserver },
  );
  const gets = () => nodes.map((each) => each.gets);
  return { clock, nodes, noted, hedges, topology, latencies, reader, gets };
}

/** The text of a blob, read to its end. */
export async function readText(reader: QuorumReader, id: Oid = oid, options?: QuorumCallOptions): Promise<string> {
  const { chunks } = await reader.get(id, undefined, options);
  return Buffer.concat(await Array.fromAsync(chunks)).toString();
}

/** Lets everything happen that needs no time. */
export function settle(): Promise<void> {
  return new Promise((resolve) => setImmediate(resolve));
}

/** What comes of the work, and after how many milliseconds; time goes on until then. */
export async function elapsing<T>(work: Promise<T>, clock: ManualClock): Promise<{ result: unknown; tookMs: number }> {
  const beganMs = clock.monotonicMs();
  let result: { readonly is: unknown } | undefined;
  const end = (is: unknown) => {
    result = { is };
  };
  work.then(end, end);
  for (;;) {
    await settle();
    if (result !== undefined) return { result: result.is, tookMs: clock.monotonicMs() - beganMs };
    if (clock.monotonicMs() - beganMs > 60_000) throw new Error('the work does not end within a minute');
    clock.advance(10);
  }
}

/** A node that sends some chunks and then fails, or sends no more when there is no error. */
export function breaking(node: ScriptedNode, afterChunks: number, error?: unknown): void {
  node.onGet = async (id, range) => {
    const { size, chunks } = node.stored(id, range);
    async function* some() {
      let count = 0;
      for await (const chunk of chunks) {
        if (count === afterChunks) await (error === undefined ? hang() : Promise.reject(error));
        count += 1;
        yield chunk;
      }
    }
    return { size, chunks: some() };
  };
}

/** Streams that were opened and how many of them have ended, each in whatever way. */
export class StreamCount {
  opened = 0;
  closed = 0;

  watch({ size, chunks }: BlobStream): BlobStream {
    this.opened += 1;
    const source = chunks[Symbol.asyncIterator]();
    let isOpen = true;
    const close = () => {
      if (isOpen) this.closed += 1;
      isOpen = false;
    };
    const iterator: AsyncIterator<Buffer> = {
      next: async () => {
        const result = await source.next().catch((error: unknown) => {
          close();
          throw error;
        });
        if (result.done === true) close();
        return result;
      },
      return: async () => {
        close();
        return { done: true, value: undefined };
      },
    };
    return { size, chunks: { [Symbol.asyncIterator]: () => iterator } };
  }
}

/** The code of an answer that is an error. */
export function codeOf(answer: Buffer | StratumError | undefined): string | undefined {
  return answer === undefined || Buffer.isBuffer(answer) ? undefined : answer.code;
}
