import { describe, expect, it } from 'vitest';
import { MiB } from '../../../../../src/base/units.ts';
import { ReplicaLog } from '../../../../../src/node/metadata/replication/replica-log.ts';
import { assertUncommittedRoom } from '../../../../../src/node/metadata/replication/uncommitted-room.ts';
import { memoryDisk } from '../memory-disk.ts';
import { recordAt } from './sample-records.ts';

function logOf(entries: number): ReplicaLog {
  const log = new ReplicaLog({ partition: 3, retention: { entries: 10, bytes: 1_000 } }, { store: memoryDisk().store });
  for (let index = 1n; index <= BigInt(entries); index += 1n) log.append(recordAt(index, 1n));
  return log;
}

describe('the room for what is not committed', () => {
  it.each([
    ['the first operation, whatever its size', 7, 7n, 300 * MiB],
    ['a small one behind others', 7, 2n, 100],
    ['the last one before the bound', 5_002, 3n, 100],
  ])('takes %s', (_, entries, committedIndex, bytes) => {
    expect(() => assertUncommittedRoom(3, logOf(entries), committedIndex, bytes)).not.toThrow();
  });

  it.each([
    ['too many entries', 5_003, 3n, 100],
    ['too many bytes', 7, 2n, 64 * MiB],
  ])('refuses %s for the moment, also when nobody waits for them any more', (_, entries, committedIndex, bytes) => {
    expect(() => assertUncommittedRoom(3, logOf(entries), committedIndex, bytes)).toThrow(
      expect.objectContaining({ code: 'OVERLOADED', details: { retryAfterMs: expect.any(Number) } }),
    );
  });
});
