import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { hasCode } from '../../../../src/base/errors.ts';
import {
  below,
  coordinatorKey,
  decodeHead,
  decodeHeartbeats,
  decodeHolder,
  decodeSnapshot,
  decodeUpdateRecord,
  encodeHead,
  encodeHeartbeats,
  encodeHolder,
  encodeSnapshot,
  encodeUpdateRecord,
  updateKey,
  updatesAbove,
} from '../../../../src/consensus/etcd/etcd-records.ts';
import { reduce } from '../../../../src/topology/reduce.ts';
import { emptyCluster, register } from '../../topology/sample-cluster.ts';

const { topology, update } = reduce(emptyCluster(), register(), 7n);
const isCorrupt = (error: unknown) => hasCode(error, 'DATA_CORRUPT');

describe('the records in etcd', () => {
  it('come back as they were written', () => {
    if (update === undefined) throw new Error('the sample changes nothing');
    const holder = { nodeId: 'coordinator-1', address: '127.0.0.1:7480', session: '77' };
    const batch = { atMs: 5, nodes: [{ nodeId: 'a', generationId: 2n ** 63n, ageMs: 3, suspicionAgesMs: [9, 1] }] };
    expect(decodeHolder(encodeHolder(holder))).toEqual(holder);
    expect(decodeUpdateRecord(encodeUpdateRecord(update))).toEqual(update);
    expect(decodeSnapshot(encodeSnapshot(topology))).toEqual(topology);
    expect(decodeHeartbeats(encodeHeartbeats(batch))).toEqual(batch);
    expect(decodeHead(encodeHead(2n ** 64n - 1n))).toBe(2n ** 64n - 1n);
  });

  it('have keys that sort by version, each below its folder and above the versions before it', () => {
    fc.assert(
      fc.property(fc.bigInt(0n, 2n ** 64n - 2n), fc.bigInt(0n, 2n ** 64n - 2n), (left, right) => {
        expect(updateKey(left) < updateKey(right)).toBe(left < right);
        const { start, end = '' } = updatesAbove(left);
        expect(updateKey(right) >= start && updateKey(right) < end).toBe(right > left);
      }),
    );
  });

  it('keep the coordinators below their folder, whatever their id', () => {
    const { start, end = '' } = below('coordinators/');
    for (const id of ['a', '-', '.', '_', 'Z', 'coordinator-1']) {
      expect(coordinatorKey(id) > start && coordinatorKey(id) < end).toBe(true);
    }
  });

  it.each([
    ['nothing', Buffer.alloc(0)],
    ['another version of the record', Buffer.from('\u0002{}')],
    ['no JSON', Buffer.from('\u0001{')],
    ['JSON of another kind', Buffer.from('\u0001[]')],
    ['a missing field', Buffer.from('\u0001{"nodeId":"a"}')],
  ])('are refused as a holder when they are %s', (_name, bytes) => {
    expect(() => decodeHolder(bytes)).toThrow(expect.toSatisfy(isCorrupt));
  });

  it.each(['', '-1', '1.5', '0x10', 'many', '9'.repeat(21)])('are refused as a version when they are "%s"', (text) => {
    expect(() => decodeHead(Buffer.from(text))).toThrow(expect.toSatisfy(isCorrupt));
  });

  it('are refused in every other form, and never end in another error', () => {
    fc.assert(
      fc.property(fc.uint8Array({ maxLength: 200 }), (bytes) => {
        for (const decode of [decodeHolder, decodeUpdateRecord, decodeSnapshot, decodeHeartbeats, decodeHead]) {
          try {
            decode(bytes);
          } catch (error) {
            expect(isCorrupt(error)).toBe(true);
          }
        }
      }),
    );
  });
});
