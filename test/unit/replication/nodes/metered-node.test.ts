import { describe, expect, it } from 'vitest';
import { StratumError } from '../../../../src/base/errors.ts';
import { MeteredNode } from '../../../../src/replication/nodes/metered-node.ts';
import { manualClock } from '../../base/manual-clock.ts';
import { ScriptedNode } from '../scripted-node.ts';
import { blob, fence, options, source, unreachable } from './sample-call.ts';

function metered() {
  const clock = manualClock();
  const inner = new ScriptedNode('o1');
  const told: unknown[] = [];
  const observer = {
    answered: (method: string, durationMs: number) => void told.push([method, durationMs]),
    wrote: (results: ReadonlyMap<string, number>) => void told.push(['wrote', Object.fromEntries(results)]),
    read: (results: ReadonlyMap<string, number>) => void told.push(['read', Object.fromEntries(results)]),
    close: () => undefined,
  };
  return { node: new MeteredNode(inner, { clock, observer }), inner, clock, told };
}

describe('MeteredNode', () => {
  it('counts a put, and how long it took', async () => {
    const { node, inner, clock, told } = metered();
    inner.beforePut = () => clock.advance(30);
    await node.put(source, fence, options);
    expect(told).toEqual([
      ['put', 30],
      ['wrote', { OK: 1 }],
    ]);
  });

  it('counts the fate of each blob of many, and all of them when the call fails', async () => {
    const { node, inner, told } = metered();
    const full = new StratumError('DISK_FULL', 'full', { what: 'free disk', limit: 1n });
    inner.putMany = async () => [{ existed: false }, full, { existed: true }];
    await node.putMany([blob, blob, blob], fence, options);
    inner.putMany = async () => {
      throw unreachable();
    };
    await expect(node.putMany([blob, blob], fence, options)).rejects.toThrow();
    expect(told.filter((each) => Array.isArray(each) && each[0] === 'wrote')).toEqual([
      ['wrote', { OK: 2, DISK_FULL: 1 }],
      ['wrote', { UNREACHABLE: 2 }],
    ]);
  });

  it('counts what was found of each blob that was asked for', async () => {
    const { node, inner, told } = metered();
    inner.getMany = async () => [
      { presence: 'PRESENT', content: blob.content },
      { presence: 'MISSING' },
      { presence: 'CORRUPT' },
      { presence: 'UNKNOWN' },
      { presence: 'MISSING' },
    ];
    await node.getMany(
      Array.from({ length: 5 }, () => source.oid),
      options,
    );
    expect(told).toEqual([
      ['getMany', 0],
      ['read', { OK: 1, BLOB_NOT_FOUND: 2, CHECKSUM_MISMATCH: 1, UNKNOWN: 1 }],
    ]);
  });

  it('takes the time of a read to its first answer, and its result at the end', async () => {
    const { node, inner, clock, told } = metered();
    inner.blobs.set(source.oid, blob.content);
    inner.onGet = async (oid, range) => {
      clock.advance(7);
      return inner.stored(oid, range);
    };
    const { chunks } = await node.get(source.oid, { offset: 0 }, options);
    clock.advance(1_000);
    expect(told).toEqual([['get', 7]]);
    await Array.fromAsync(chunks);
    expect(told).toEqual([
      ['get', 7],
      ['read', { OK: 1 }],
    ]);
  });

  it('counts a stream that breaks off by its error', async () => {
    const { node, inner, told } = metered();
    inner.onGet = async () => ({
      size: 2,
      chunks: (async function* () {
        yield Buffer.from('a');
        throw unreachable();
      })(),
    });
    const { chunks } = await node.get(source.oid, { offset: 0 }, options);
    await expect(Array.fromAsync(chunks)).rejects.toThrow();
    expect(told[1]).toEqual(['read', { UNREACHABLE: 1 }]);
  });

  it('counts what its caller has ended as CANCELLED, whatever his reason', async () => {
    const { node, told } = metered();
    const signal = AbortSignal.abort(unreachable('another:1'));
    const { node: refusing, inner, told: ofRefusing } = metered();
    inner.beforePut = () => signal.throwIfAborted();
    await expect(refusing.put(source, fence, { ...options, signal })).rejects.toThrow();
    expect(ofRefusing[1]).toEqual(['wrote', { CANCELLED: 1 }]);
    await node.has([source.oid], false, options);
    expect(told).toEqual([['has', 0]]);
  });
});
