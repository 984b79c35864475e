import { describe, expect, it } from 'vitest';
import { systemClock } from '../../../src/base/clock.ts';
import { StratumError } from '../../../src/base/errors.ts';
import { oidOf } from '../../../src/base/oid.ts';
import { systemRandom } from '../../../src/base/random.ts';
import {
  BenchBlobs,
  benchDelete,
  benchGet,
  benchPut,
  type ObjectBenchModules,
  type ObjectBenchOptions,
} from '../../../src/cli/object-bench.ts';
import { QuorumObjects } from '../../../src/replication/quorum-objects.ts';
import { healthy, ringOf, topologyOf } from '../replication/sample-ring.ts';
import { directoryOf, ScriptedNode } from '../replication/scripted-node.ts';

function sample(changes: Partial<ObjectBenchOptions> = {}) {
  const nodes = ['o1', 'o2', 'o3'].map((nodeId) => new ScriptedNode(nodeId));
  const modules = { clock: systemClock, topology: topologyOf(ringOf(healthy)), nodes: directoryOf(...nodes) };
  const bench: ObjectBenchModules = {
    objects: new QuorumObjects({}, modules),
    clock: systemClock,
    random: systemRandom,
  };
  const options: ObjectBenchOptions = {
    count: 25,
    blobBytes: 100,
    perCall: 1,
    callers: 3,
    level: 'ALL',
    timeoutMs: 10_000,
    signal: new AbortController().signal,
    ...changes,
  };
  return { nodes, bench, options, blobs: new BenchBlobs(options, { random: systemRandom }) };
}

describe('the benchmark of blobs', () => {
  it.each([1, 4, 100])('stores so many distinct blobs, %i in a call, and reads them back', async (perCall) => {
    const { nodes, bench, options, blobs } = sample({ perCall });
    const put = await benchPut(blobs, options, bench);
    expect(put).toMatchObject({ phase: 'put', blobs: 25, failed: 0, bytes: 2_500, error: '' });
    for (const { blobs: stored } of nodes) expect(stored.size).toBe(25);
    for (const [oid, content] of nodes[0]?.blobs ?? []) expect(oidOf(content)).toBe(oid);
    expect(await benchGet(blobs.oids, options, bench)).toMatchObject({
      phase: 'get',
      blobs: 25,
      failed: 0,
      bytes: 2_500,
    });
  });

  it('makes other blobs in every run', () => {
    const [a, b] = [sample(), sample()].map(({ blobs }) => blobs.take(1)[0]?.oid);
    expect(a).not.toBe(b);
  });

  it.each([1, 4])('counts what fails, %i in a call, and goes on', async (perCall) => {
    const { nodes, bench, options, blobs } = sample({ perCall });
    for (const node of nodes) {
      node.beforePut = () => {
        throw new StratumError('DISK_FULL', 'no room', { what: 'free disk', limit: 0n });
      };
    }
    const put = await benchPut(blobs, options, bench);
    expect(put).toMatchObject({ blobs: 0, failed: 25, bytes: 0 });
    expect(put.error).toContain('no room');
  });

  it('reads what is not there as failed', async () => {
    const { bench, options, blobs } = sample({ perCall: 4 });
    blobs.take(8);
    expect(await benchGet(blobs.oids, { ...options, count: 8 }, bench)).toMatchObject({ blobs: 0, failed: 8 });
  });

  it('takes away every blob that it stored', async () => {
    const { options, blobs } = sample({ perCall: 4, count: 10 });
    blobs.take(10);
    const removed: string[] = [];
    const remove = async (oids: readonly string[]) => {
      removed.push(...oids);
    };
    const phase = await benchDelete(blobs.oids, options, { clock: systemClock, remove });
    expect(phase).toMatchObject({ phase: 'delete', blobs: 10, failed: 0 });
    expect(removed.toSorted()).toEqual(blobs.oids.toSorted());
  });

  it('lets the calls end that have begun when it is interrupted, and begins no other', async () => {
    const interrupted = new AbortController();
    const { nodes, bench, options, blobs } = sample({ signal: interrupted.signal });
    const [first] = nodes;
    if (first === undefined) throw new Error('no node');
    let begun = 0;
    first.beforePut = () => {
      begun += 1;
      if (begun === 3) interrupted.abort(new StratumError('CANCELLED', 'interrupted'));
    };
    expect(await benchPut(blobs, options, bench)).toMatchObject({ blobs: 3, failed: 0, error: '' });
    for (const { blobs: stored } of nodes) expect(stored.size).toBe(3);
  });

  it('knows when the writes have ended that go on behind an answer', async () => {
    const { nodes, bench, options, blobs } = sample({ count: 1, level: 'QUORUM' });
    const released = Promise.withResolvers<void>();
    const [slow] = nodes;
    if (slow === undefined) throw new Error('no node');
    slow.beforePut = () => released.promise;
    await benchPut(blobs, options, bench);
    const settled = blobs.settled();
    expect(await Promise.race([settled.then(() => 'settled'), Promise.resolve('pending')])).toBe('pending');
    released.resolve();
    await settled;
    expect(slow.blobs.size).toBe(1);
  });
});
