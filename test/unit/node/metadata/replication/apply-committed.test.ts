import { describe, expect, it } from 'vitest';
import { RefsCache } from '../../../../../src/node/metadata/refs-cache.ts';
import { applyCommitted } from '../../../../../src/node/metadata/replication/apply-committed.ts';
import { encodeRecord } from '../../../../../src/node/metadata/replication/log-record.ts';
import { PartitionDisk } from '../../../../../src/node/metadata/replication/partition-disk.ts';
import { readRepoCount } from '../../../../../src/node/metadata/state-machine/totals.ts';
import { manualClock } from '../../../base/manual-clock.ts';
import { recordingLog } from '../../../base/recording-log.ts';
import { memoryDisk } from '../memory-disk.ts';
import { recordAt } from './sample-records.ts';

const partition = 3;

function logged(records: readonly Buffer[]) {
  const disk = new PartitionDisk(
    { partition, retention: { entries: 10_000, bytes: 10_000_000 } },
    {
      store: memoryDisk().store,
      clock: manualClock(),
      logger: recordingLog(),
      stopping: new AbortController().signal,
      onDurable: () => undefined,
    },
  );
  disk.open();
  for (const record of records) disk.log.append(record);
  const outcomes: [bigint, string][] = [];
  const apply = (committedIndex: bigint) =>
    applyCommitted(partition, committedIndex, {
      disk,
      refs: new RefsCache(),
      log: recordingLog(),
      onApplied: ({ index }, outcome) => outcomes.push([index, 'result' in outcome ? 'done' : 'refused']),
    });
  return { disk, outcomes, apply };
}

describe('applying what is committed', () => {
  it('goes no further than that, and does nothing twice', () => {
    const { disk, outcomes, apply } = logged([1n, 2n, 3n].map((index) => recordAt(index, 1n)));
    apply(2n);
    apply(2n);
    apply(1n);
    expect(outcomes).toEqual([
      [1n, 'done'],
      [2n, 'done'],
    ]);
    expect([disk.state.position.index, disk.state.read(readRepoCount)]).toEqual([2n, 2n]);
  });

  it('passes over what the state machine refuses, without effect', () => {
    const { disk, outcomes, apply } = logged([
      recordAt(1n, 1n, 'a/1'),
      recordAt(2n, 1n, 'a/1'),
      recordAt(3n, 1n, 'a/2'),
    ]);
    apply(3n);
    expect(outcomes.map(([, outcome]) => outcome)).toEqual(['done', 'refused', 'done']);
    expect([disk.state.position.index, disk.state.read(readRepoCount)]).toEqual([3n, 2n]);
  });

  it('lets other work in between some hundred entries', () => {
    const { disk, apply } = logged(Array.from({ length: 600 }, (_, at) => recordAt(BigInt(at + 1), 1n)));
    const positions = [1, 2, 3].map(() => {
      apply(600n);
      return disk.state.position.index;
    });
    expect(positions).toEqual([256n, 512n, 600n]);
  });

  it('stops before an entry that this version does not know', () => {
    const unknown = encodeRecord({ index: 2n, epoch: 1n, atMs: 0n, operation: undefined });
    const { disk, apply } = logged([recordAt(1n, 1n), unknown, recordAt(3n, 1n)]);
    expect(() => apply(3n)).toThrow(expect.objectContaining({ code: 'DATA_CORRUPT' }));
    expect(disk.state.position.index).toBe(1n);
  });
});
