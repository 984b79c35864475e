import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { hasCode, StratumError } from '../../src/base/errors.ts';
import { KiB, MiB } from '../../src/base/units.ts';
import { MemoryBlobSource } from '../../src/replication/memory-blob-source.ts';
import type { Fence } from '../../src/replication/node-io.ts';
import { newContent, readWhole, smallBlob } from './blob-contents.ts';
import type { ObjectClient } from './object-client.ts';
import { ObjectCluster } from './object-cluster.ts';
import { until } from './until.ts';

const callTimeoutMs = 5_000;
const shortTimeoutMs = 1_000;
/** What a call may take beyond its deadline. */
const graceMs = 1_000;
/** A new leader's term reaches the nodes by their watches, which begin again with a back-off. */
const newsTimeoutMs = 20_000;

describe('a writer with an old topology', () => {
  let cluster: ObjectCluster;
  let client: ObjectClient;
  beforeAll(async () => {
    cluster = await ObjectCluster.start();
    client = await cluster.connect();
  });
  afterAll(() => cluster?.remove());

  const topology = () => client.view.current() ?? expect.unreachable();
  const fence = (): Fence => ({ term: topology().term, ringEpoch: topology().ring.epoch });

  const putAt = (nodeId: string, of: Fence) => {
    const writer = client.nodes.writer(nodeId) ?? expect.unreachable();
    return writer.put(new MemoryBlobSource(newContent(KiB)), of, { timeoutMs: callTimeoutMs });
  };

  const small = () => new MemoryBlobSource(newContent(4 * KiB));

  it('is refused after a change of leaders, takes the newer topology, and succeeds within its deadline', async () => {
    const old = fence();
    await cluster.link('c1').break({ kind: 'lose', direction: 'from-node' });
    await cluster.process('c1').kill();
    cluster.process('c1').start();
    for (const id of cluster.objectIds) {
      await until(`${id} refuses the old term`, newsTimeoutMs, async () => {
        const refusal = await putAt(id, old).catch((error: unknown) => error);
        return hasCode(refusal, 'STALE_TERM') ? true : undefined;
      });
    }
    expect(fence()).toEqual(old);

    const beganMs = performance.now();
    const refused = client.objects.put(small(), { timeoutMs: shortTimeoutMs });
    const error: unknown = await refused.then(
      () => undefined,
      (reason: unknown) => reason,
    );
    expect(performance.now() - beganMs).toBeLessThan(shortTimeoutMs + graceMs);
    if (!hasCode(error, 'INSUFFICIENT_REPLICAS')) throw error;
    const refusals = error.details.nodes.filter(({ error: cause }) => !hasCode(cause, 'CANCELLED'));
    expect(refusals.length).toBeGreaterThanOrEqual(2);
    for (const { error: cause } of refusals) {
      if (!hasCode(cause, 'STALE_TERM')) throw cause;
      expect(cause.details).toEqual({ fence: 'term', sent: old.term, current: old.term + 1n });
    }

    const contents = [newContent(8 * MiB), newContent(4 * KiB)];
    const many = Array.from({ length: 32 }, () => newContent(4 * KiB));
    const puts = Promise.all(
      contents.map((content) => client.objects.put(new MemoryBlobSource(content), { timeoutMs: callTimeoutMs })),
    );
    const batch = client.objects.putMany(many.map(smallBlob), { timeoutMs: callTimeoutMs });
    await cluster.link('c1').heal();
    for (const { achieved, settled } of await puts) {
      expect(achieved).toBeGreaterThanOrEqual(2);
      expect((await settled).succeeded).toBe(3);
    }
    expect((await batch).fates.filter((fate) => fate instanceof StratumError)).toEqual([]);
    expect(fence().term).toBe(old.term + 1n);
    for (const content of contents) {
      expect((await readWhole(await client.objects.get(smallBlob(content).oid))).equals(content)).toBe(true);
    }
  });

  it('gets the refusals when no coordinator has anything higher to give', async () => {
    const { term, ringEpoch } = fence();
    await putAt('o1', { term: term + 5n, ringEpoch });
    const { achieved, settled } = await client.objects.put(small(), { timeoutMs: callTimeoutMs });
    expect(achieved).toBe(2);
    const { failures } = await settled;
    expect(failures.map(({ nodeId, error }) => `${nodeId}: ${error.code}`)).toEqual(['o1: STALE_TERM']);

    await putAt('o3', { term, ringEpoch: ringEpoch + 1n });
    const beganMs = performance.now();
    const options = { timeoutMs: shortTimeoutMs };
    const [single, batch] = await Promise.all([
      client.objects.put(small(), options).catch((error: unknown) => error),
      client.objects.putMany([smallBlob(newContent(KiB)), smallBlob(newContent(KiB))], options),
    ]);
    expect(performance.now() - beganMs).toBeLessThan(shortTimeoutMs + graceMs);
    for (const error of [single, ...batch.fates]) {
      if (!hasCode(error, 'INSUFFICIENT_REPLICAS')) throw error;
      const codes = new Map(error.details.nodes.map(({ nodeId, error: cause }) => [nodeId, cause.code]));
      expect([codes.get('o1'), codes.get('o3')]).toEqual(['STALE_TERM', 'STALE_EPOCH']);
    }
  });
});
