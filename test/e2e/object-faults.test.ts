import { afterAll, afterEach, beforeAll, beforeEach, describe, expect, it } from 'vitest';
import { hasCode, StratumError } from '../../src/base/errors.ts';
import { oidOf } from '../../src/base/oid.ts';
import { KiB, MiB } from '../../src/base/units.ts';
import { MemoryBlobSource } from '../../src/replication/memory-blob-source.ts';
import { HashRing } from '../../src/topology/hash-ring.ts';
import { newContent, readWhole, smallBlob } from './blob-contents.ts';
import type { LinkFault } from './faulty-link.ts';
import type { ObjectClient } from './object-client.ts';
import { ObjectCluster, openDescriptors } from './object-cluster.ts';
import { until } from './until.ts';

/** What a put at one afflicted node comes to. */
type Effect = 'fails' | 'may fail' | 'works';

interface FaultCase {
  readonly name: string;
  readonly fault: LinkFault;
  readonly large: Effect;
  readonly small: Effect;
}

const callTimeoutMs = 3_000;
/** What a call may take beyond its deadline. */
const graceMs = 1_000;
/** Back-off between connect attempts and pauses of circuit breakers are below it. */
const recoveryTimeoutMs = 15_000;

/** Readings of all other blobs in search of a fault. */
const strikeRoundsMax = 4;

const largeBytes = 4 * MiB;
const smallBytes = 4 * KiB;
const smallCount = 32;

const cases: readonly FaultCase[] = [
  { name: 'refuses connections', fault: { kind: 'refuse' }, large: 'fails', small: 'fails' },
  { name: 'resets connections', fault: { kind: 'reset' }, large: 'fails', small: 'fails' },
  { name: 'accepts and stalls', fault: { kind: 'stall' }, large: 'fails', small: 'fails' },
  { name: 'stalls in mid-answer', fault: { kind: 'stall', afterBytes: MiB }, large: 'may fail', small: 'may fail' },
  { name: 'is 100 ms away', fault: { kind: 'delay', delayMs: 50 }, large: 'may fail', small: 'works' },
  {
    name: 'is cut off in the request, early',
    fault: { kind: 'cut', direction: 'to-node', afterBytes: 2_000 },
    large: 'fails',
    small: 'fails',
  },
  {
    name: 'is cut off in the request, late',
    fault: { kind: 'cut', direction: 'to-node', afterBytes: 3 * MiB },
    large: 'fails',
    small: 'may fail',
  },
  {
    name: 'is cut off in the answer, early',
    fault: { kind: 'cut', direction: 'from-node', afterBytes: 10 },
    large: 'fails',
    small: 'fails',
  },
  {
    name: 'is cut off in the answer, late',
    fault: { kind: 'cut', direction: 'from-node', afterBytes: 3 * MiB },
    large: 'may fail',
    small: 'may fail',
  },
  { name: 'hears nothing', fault: { kind: 'lose', direction: 'to-node' }, large: 'fails', small: 'fails' },
  { name: 'is not heard', fault: { kind: 'lose', direction: 'from-node' }, large: 'fails', small: 'fails' },
  {
    name: 'hears flipped bits',
    fault: { kind: 'flip', direction: 'to-node', firstByte: 1_500, everyBytes: 1_000 },
    large: 'fails',
    small: 'fails',
  },
  {
    name: 'is heard with flipped bits, here and there',
    fault: { kind: 'flip', direction: 'from-node', firstByte: 2 * MiB, everyBytes: 2 * MiB },
    large: 'may fail',
    small: 'may fail',
  },
  {
    name: 'is heard with flipped bits all the time',
    fault: { kind: 'flip', direction: 'from-node', firstByte: 20, everyBytes: 50 },
    large: 'fails',
    small: 'fails',
  },
];

interface Contents {
  readonly large: Buffer;
  readonly small: Buffer;
  readonly many: readonly Buffer[];
}

function newContents(): Contents {
  return {
    large: newContent(largeBytes),
    small: newContent(smallBytes),
    many: Array.from({ length: smallCount }, () => newContent(smallBytes)),
  };
}

/** What became of a call: nothing it returns is taken on trust before its time has been looked at. */
interface Timed<T> {
  readonly outcome: PromiseSettledResult<T>;
  readonly tookMs: number;
}

async function timed<T>(call: () => Promise<T>): Promise<Timed<T>> {
  const beganMs = performance.now();
  const [outcome] = await Promise.allSettled([call()]);
  return { outcome, tookMs: performance.now() - beganMs };
}

describe('three object nodes behind links that fail', () => {
  let cluster: ObjectCluster;
  let client: ObjectClient;
  let stored: Contents;
  /** Large ones too, by each node's turn in the ring's order. */
  let others: readonly Buffer[];
  let descriptorsBefore: ReadonlyMap<number, number>;

  const descriptors = () => {
    const pids = [process.pid, ...cluster.objectIds.map((id) => cluster.process(id).pid)];
    return new Map(pids.map((pid) => [pid, openDescriptors(pid)]));
  };

  beforeAll(async () => {
    cluster = await ObjectCluster.start();
    stored = newContents();
    const first = await cluster.connect();
    const options = { level: 'ALL' } as const;
    await first.objects.put(new MemoryBlobSource(stored.large), options);
    await first.objects.put(new MemoryBlobSource(stored.small), options);
    const { fates } = await first.objects.putMany(stored.many.map(smallBlob), options);
    expect(fates.filter((fate) => fate instanceof StratumError)).toEqual([]);
    const ring = HashRing.of(first.view.current()?.ring ?? expect.unreachable());
    others = cluster.objectIds.map((id) => {
      for (;;) {
        const content = newContent(largeBytes);
        if (ring.placement(oidOf(content))[0] === id) return content;
      }
    });
    for (const content of others) await first.objects.put(new MemoryBlobSource(content), options);
    await cluster.disconnect(first);
  });
  afterAll(() => cluster?.remove());

  beforeEach(async () => {
    descriptorsBefore = descriptors();
    client = await cluster.connect();
    // The connections that a fault is to strike are open before it.
    for (const id of cluster.objectIds) await client.nodes.reader(id)?.has([], false, { timeoutMs: callTimeoutMs });
  });
  afterEach(async () => {
    for (const id of cluster.objectIds) await cluster.link(id).heal();
    await cluster.disconnect(client);
  });

  const putAll = async ({ large, small, many }: Contents) => {
    const options = { timeoutMs: callTimeoutMs };
    const { objects } = client;
    const [ofLarge, ofSmall, ofMany] = await Promise.all([
      timed(() => objects.put(new MemoryBlobSource(large), options)),
      timed(() => objects.put(new MemoryBlobSource(small), options)),
      timed(() => objects.putMany(many.map(smallBlob), options)),
    ]);
    return { large: ofLarge, small: ofSmall, many: ofMany };
  };

  const isFlipping = () => cluster.objectIds.some((id) => cluster.link(id).fault?.kind === 'flip');

  /** Every blob, each way in which it can be read: right, and in time. */
  const expectReadable = async ({ large, small, many }: Contents) => {
    const options = { timeoutMs: callTimeoutMs };
    const read = (content: Buffer) => () => client.objects.get(oidOf(content), undefined, options).then(readWhole);
    const reads = await Promise.all([
      timed(read(large)),
      timed(read(small)),
      timed(async () => Buffer.concat((await client.objects.getMany(many.map(oidOf), options)).map(contentOf))),
    ]);
    for (const [index, content] of [large, small, Buffer.concat(many)].entries()) {
      const { outcome, tookMs } = reads[index] ?? expect.unreachable();
      if (outcome.status === 'rejected') {
        // Wrong bytes of a large blob are delivered before they are known to be wrong; they never end cleanly.
        if (content === large && isFlipping() && hasCode(outcome.reason, 'CHECKSUM_MISMATCH')) continue;
        throw outcome.reason;
      }
      expect(outcome.value.equals(content), `content ${index}`).toBe(true);
      expect(tookMs).toBeLessThan(callTimeoutMs + graceMs);
    }
  };

  /** Reads on until every afflicted link has shown what is wrong with it: which replica is asked is the reader's choice. */
  const strike = async (...ids: readonly string[]) => {
    const unhurt = () => ids.filter((id) => cluster.link(id).hits === 0);
    for (let round = 0; unhurt().length > 0 && round < strikeRoundsMax; round += 1) {
      for (const content of others) await expectReadable({ large: content, small: stored.small, many: stored.many });
    }
    expect(unhurt()).toEqual([]);
  };

  /** The nodes are whole again for the same client, and nothing is left open for what has failed. */
  const expectRecovery = async () => {
    for (const id of cluster.objectIds) await cluster.link(id).heal();
    const small = newContent(smallBytes);
    await until('a put at ALL', recoveryTimeoutMs, async (tell) => {
      const put = client.objects.put(new MemoryBlobSource(small), { level: 'ALL', timeoutMs: callTimeoutMs });
      return put.catch((error: Error) => tell(error.message));
    });
    await cluster.disconnect(client);
    await until('the descriptors are closed', recoveryTimeoutMs, (tell) => {
      const now = descriptors();
      tell(JSON.stringify([...descriptorsBefore, ...now]));
      return [...descriptorsBefore].every(([pid, count]) => (now.get(pid) ?? 0) <= count) ? true : undefined;
    });
  };

  it.for(cases)('one that $name costs redundancy alone', async ({ fault, large, small }) => {
    await cluster.link('o1').break(fault);
    const contents = newContents();
    const [puts] = await Promise.all([putAll(contents), expectReadable(stored)]);
    for (const [effect, { outcome, tookMs }] of [
      [large, puts.large],
      [small, puts.small],
    ] as const) {
      if (outcome.status === 'rejected') throw outcome.reason;
      const { achieved, required, degraded, failures } = outcome.value;
      expect(tookMs).toBeLessThan(callTimeoutMs + graceMs);
      expect(required).toBe(2);
      expect(achieved).toBeGreaterThanOrEqual(2);
      expect(degraded).toBe(failures.length > 0);
      const settled = await outcome.value.settled;
      expect(settled.succeeded + settled.failures.length).toBe(3);
      const failed = settled.failures.map(({ nodeId }) => nodeId);
      if (effect === 'fails') expect(failed).toEqual(['o1']);
      else if (effect === 'works') expect(failed).toEqual([]);
      else expect(['', 'o1']).toContain(failed.join());
    }
    const many = puts.many.outcome;
    if (many.status === 'rejected') throw many.reason;
    expect(puts.many.tookMs).toBeLessThan(callTimeoutMs + graceMs);
    for (const fate of many.value.fates) {
      if (fate instanceof StratumError) throw fate;
      expect(fate.achieved).toBeGreaterThanOrEqual(2);
    }
    await many.value.settled;
    await strike('o1');
    await expectReadable(contents);
    await expectRecovery();
  });

  it.for(cases)('two that each $name fail a put for two reasons, and no read', async ({ fault, large, small }) => {
    await cluster.link('o1').break(fault);
    await cluster.link('o3').break(fault);
    const contents = newContents();
    const [puts] = await Promise.all([putAll(contents), expectReadable(stored)]);
    for (const [effect, { outcome, tookMs }] of [
      [large, puts.large],
      [small, puts.small],
    ] as const) {
      expect(tookMs).toBeLessThan(callTimeoutMs + graceMs);
      if (outcome.status === 'rejected') expectInsufficient(outcome.reason);
      else if (effect === 'fails') expect.fail(`a put says success: ${JSON.stringify(outcome.value)}`);
      if (effect === 'works') expect(outcome.status).toBe('fulfilled');
      if (outcome.status === 'fulfilled') await outcome.value.settled;
    }
    const many = puts.many.outcome;
    if (many.status === 'rejected') throw many.reason;
    expect(puts.many.tookMs).toBeLessThan(callTimeoutMs + graceMs);
    for (const fate of many.value.fates) {
      if (small === 'fails') expectInsufficient(fate);
      if (small === 'works') expect(fate).not.toBeInstanceOf(Error);
    }
    await many.value.settled;
    await strike('o1', 'o3');
    await expectRecovery();
  });
});

function contentOf(answer: Buffer | StratumError): Buffer {
  if (answer instanceof StratumError) throw answer;
  return answer;
}

/** INSUFFICIENT_REPLICAS with each afflicted node's own error; what the sound one did not finish was given up. */
function expectInsufficient(error: unknown): void {
  if (!hasCode(error, 'INSUFFICIENT_REPLICAS')) throw error;
  const { required, achieved, nodes } = error.details;
  expect(required).toBe(2);
  expect(achieved + nodes.length).toBe(3);
  const own = nodes.filter(({ error: cause }) => !hasCode(cause, 'CANCELLED'));
  expect(own.map(({ nodeId }) => nodeId).toSorted()).toEqual(['o1', 'o3']);
  for (const { nodeId, endpoint, error: cause } of own) {
    expect(endpoint).toMatch(/^127\.0\.0\.1:\d+$/);
    expect(cause, nodeId).toBeInstanceOf(StratumError);
    expect(cause.message).not.toBe('');
    expect(error.message).toContain(nodeId);
  }
}
