import { describe, expect, it } from 'vitest';
import { StratumError } from '../../../src/base/errors.ts';
import { oidOf } from '../../../src/base/oid.ts';
import { MeteredObjects } from '../../../src/node/metered-objects.ts';
import { MemoryBlobSource } from '../../../src/replication/memory-blob-source.ts';
import type { ObjectApi, PutOutcome, SmallObjectApi } from '../../../src/replication/object-api.ts';
import { Metrics } from '../../../src/telemetry/metrics.ts';

const content = Buffer.from('0123456789');
const source = new MemoryBlobSource(content);
const small = { oid: source.oid, content };
const missing = new StratumError('BLOB_NOT_FOUND', 'none', { kind: 'blob', id: source.oid });
const lost = new StratumError('INSUFFICIENT_REPLICAS', '1 of 2', { required: 2, achieved: 1, nodes: [] });

function outcome(degraded: boolean): PutOutcome {
  const settled = Promise.resolve({ succeeded: 3, failures: [] });
  return { oid: source.oid, required: 2, achieved: 2, failures: [], degraded, settled };
}

async function* inTwo(): AsyncGenerator<Buffer, void, undefined> {
  yield content.subarray(0, 5);
  yield content.subarray(5);
}

function metered(inner: Partial<ObjectApi & SmallObjectApi>) {
  const absent = () => Promise.reject(new Error('not asked in this test'));
  const metrics = new Metrics();
  const all = { put: absent, get: absent, putMany: absent, getMany: absent, ...inner };
  const lines = async () => (await metrics.render()).split('\n').filter((line) => line.startsWith('stratum_quorum_'));
  return { objects: new MeteredObjects({ inner: all, metrics }), lines };
}

describe('MeteredObjects', () => {
  it.each([
    ['ok', () => Promise.resolve(outcome(false))],
    ['degraded', () => Promise.resolve(outcome(true))],
    ['failed', () => Promise.reject(lost)],
  ] as const)('counts a write that was %s', async (result, put) => {
    const { objects, lines } = metered({ put });
    await objects.put(source, { level: 'ALL' }).catch(() => undefined);
    expect(await lines()).toEqual([`stratum_quorum_writes_total{level="ALL",result="${result}"} 1`]);
  });

  it('counts each of many writes by itself', async () => {
    const fate = { required: 2, achieved: 2, degraded: false };
    const fates = [fate, { ...fate, degraded: true }, lost, fate];
    const { objects, lines } = metered({ putMany: async () => ({ fates, settled: Promise.resolve() }) });
    await objects.putMany([small, small, small, small]);
    expect(await lines()).toEqual([
      'stratum_quorum_writes_total{level="QUORUM",result="ok"} 2',
      'stratum_quorum_writes_total{level="QUORUM",result="degraded"} 1',
      'stratum_quorum_writes_total{level="QUORUM",result="failed"} 1',
    ]);
  });

  it('counts a read when its last byte has come', async () => {
    const { objects, lines } = metered({ get: async () => ({ size: 10, chunks: inTwo() }) });
    const { chunks } = await objects.get(source.oid);
    expect(await lines()).toEqual([]);
    expect(oidOf(Buffer.concat(await Array.fromAsync(chunks)))).toBe(source.oid);
    expect(await lines()).toEqual(['stratum_quorum_reads_total{result="OK"} 1']);
  });

  it('counts a read whose reader leaves as CANCELLED, and one that has all it asked for as OK', async () => {
    const { objects, lines } = metered({ get: async () => ({ size: 10, chunks: inTwo() }) });
    for (const range of [undefined, { offset: 0, length: 5 }]) {
      const { chunks } = await objects.get(source.oid, range);
      for await (const _ of chunks) break;
    }
    expect(await lines()).toEqual([
      'stratum_quorum_reads_total{result="CANCELLED"} 1',
      'stratum_quorum_reads_total{result="OK"} 1',
    ]);
  });

  it('counts a read that fails, at once or in mid-stream, by its code', async () => {
    const breaking = async function* () {
      yield content;
      throw lost;
    };
    const { objects, lines } = metered({
      get: async (_, range) => (range === undefined ? Promise.reject(missing) : { size: 20, chunks: breaking() }),
    });
    await expect(objects.get(source.oid)).rejects.toBe(missing);
    const { chunks } = await objects.get(source.oid, { offset: 0 });
    await expect(Array.fromAsync(chunks)).rejects.toBe(lost);
    expect(await lines()).toEqual([
      'stratum_quorum_reads_total{result="BLOB_NOT_FOUND"} 1',
      'stratum_quorum_reads_total{result="INSUFFICIENT_REPLICAS"} 1',
    ]);
  });

  it('counts each of many reads by itself, and all of them when the call fails', async () => {
    const { objects, lines } = metered({ getMany: async () => [content, missing, content] });
    await objects.getMany([source.oid, source.oid, source.oid]);
    expect(await lines()).toEqual([
      'stratum_quorum_reads_total{result="OK"} 2',
      'stratum_quorum_reads_total{result="BLOB_NOT_FOUND"} 1',
    ]);
    const failing = metered({ getMany: () => Promise.reject(lost), putMany: () => Promise.reject(lost) });
    await expect(failing.objects.getMany([source.oid, source.oid])).rejects.toBe(lost);
    await expect(failing.objects.putMany([small, small, small])).rejects.toBe(lost);
    expect(await failing.lines()).toEqual([
      'stratum_quorum_writes_total{level="QUORUM",result="failed"} 3',
      'stratum_quorum_reads_total{result="INSUFFICIENT_REPLICAS"} 2',
    ]);
  });
});
