import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { type LogPosition, logStart } from '../../../../../src/node/metadata/replication/log-record.ts';
import {
  type LogRetention,
  ReplicaLog,
  type WrittenLog,
} from '../../../../../src/node/metadata/replication/replica-log.ts';
import { memoryDisk, prepare } from '../memory-disk.ts';
import { recordAt, recordsFrom } from './sample-records.ts';

const partition = 3;
const everything = 1_000_000;
const keepAll: LogRetention = { entries: 1_000, bytes: everything };

/** What happens to a log between two writes. */
type Change =
  | { readonly kind: 'append'; readonly raise: bigint }
  | { readonly kind: 'truncate' | 'apply'; readonly share: number };
type Step =
  | Change
  | { readonly kind: 'write'; readonly fails: boolean; readonly during: readonly Change[] }
  | { readonly kind: 'reopen' };

const share = fc.integer({ min: 0, max: 20 }).map((part) => part / 20);
const change: fc.Arbitrary<Change> = fc.oneof(
  { weight: 3, arbitrary: fc.record({ kind: fc.constant('append' as const), raise: fc.constantFrom(0n, 0n, 1n) }) },
  { weight: 1, arbitrary: fc.record({ kind: fc.constantFrom('truncate' as const, 'apply' as const), share }) },
);
const step: fc.Arbitrary<Step> = fc.oneof(
  { weight: 6, arbitrary: change },
  {
    weight: 3,
    arbitrary: fc.record({
      kind: fc.constant('write' as const),
      fails: fc.boolean(),
      during: fc.array(change, { maxLength: 4 }),
    }),
  },
  { weight: 1, arbitrary: fc.record({ kind: fc.constant('reopen' as const) }) },
);

/** A log on a disk, and beside it the plain list of records that it stands for. */
class LogUnderTest {
  readonly #disk = memoryDisk();
  readonly #retention: LogRetention;
  log: ReplicaLog;
  applied = 0n;
  #epoch = 1n;
  #records: Buffer[] = [];
  #base: LogPosition = logStart;
  #stored = { records: [] as Buffer[], base: logStart as LogPosition, applied: 0n };

  constructor(retention: LogRetention) {
    this.#retention = retention;
    this.log = this.#open();
  }

  async run(each: Step): Promise<void> {
    if (each.kind === 'write') await this.#write(each.fails, each.during);
    else if (each.kind === 'reopen') this.#reopen();
    else this.#change(each);
    this.#check();
  }

  get #lastIndex(): bigint {
    return this.#base.index + BigInt(this.#records.length);
  }

  #open(): ReplicaLog {
    const log = new ReplicaLog({ partition, retention: this.#retention }, { store: this.#disk.store });
    this.#disk.store.read((reader) => log.open(reader, this.#stored?.base ?? logStart));
    return log;
  }

  #reopen(): void {
    this.#records = [...this.#stored.records];
    this.#base = this.#stored.base;
    this.applied = this.#stored.applied;
    this.log = this.#open();
  }

  #change(each: Change): void {
    if (each.kind === 'append') {
      this.#epoch += each.raise;
      const record = recordAt(this.#lastIndex + 1n, this.#epoch, `a/${Math.trunc(Number(this.#epoch))}`);
      this.log.append(record);
      this.#records.push(record);
      return;
    }
    const index = this.applied + BigInt(Math.round(each.share * Number(this.#lastIndex - this.applied)));
    if (each.kind === 'apply') {
      this.applied = index;
      return;
    }
    this.log.truncateAfter(index);
    this.#records.length = Number(index - this.#base.index);
    // What comes in its place is of another epoch.
    this.#epoch += 1n;
  }

  async #write(fails: boolean, during: readonly Change[]): Promise<void> {
    let written: WrittenLog | undefined;
    const { applied } = this;
    const committed = this.#disk.store.commit((transaction) => {
      written = this.log.write(transaction, applied);
    });
    committed.catch(() => undefined);
    await this.#disk.beginSync();
    const carried = { records: [...this.#records], base: this.#base, applied };
    for (const each of during) this.#change(each);
    this.#check();
    this.#disk.disk.isFull = fails;
    await this.#disk.sync();
    if (written === undefined) throw new Error('the commit did not run');
    if (fails) return;
    await committed;
    const { base } = written;
    this.log.written(written);
    this.log.forget(this.applied);
    const trimmed = Number(base - carried.base.index);
    this.#base = { index: base, epoch: this.log.base.epoch };
    this.#records.splice(0, trimmed);
    this.#stored = { records: carried.records.slice(trimmed), base: this.#base, applied };
    const isEnough =
      written.upTo - base <= BigInt(this.#retention.entries) && bytesOf(this.#stored.records) <= this.#retention.bytes;
    expect(isEnough || base === applied).toBe(true);
    expect(base <= applied).toBe(true);
  }

  #check(): void {
    const { log } = this;
    expect(log.base.index).toBe(this.#base.index);
    expect(log.last.index).toBe(this.#lastIndex);
    for (let at = 0; at < this.#records.length; at += 1) {
      const from = this.#base.index + BigInt(at) + 1n;
      // About as many bytes as asked for: a record read from disk and one in memory end a slice alike.
      expect(log.slice(from, 1).map(hex)).toEqual(this.#records.slice(at, at + 1).map(hex));
      expect(log.epochAt(from)).toBe(this.#records[at]?.readBigUInt64BE(5));
    }
    if (this.#records.length > 0)
      expect(log.slice(this.#base.index + 1n, everything).map(hex)).toEqual(this.#records.map(hex));
    // Whoever is told that it is durable has it after a crash.
    const durable = Number(log.durableIndex - this.#base.index);
    const onDisk = this.#disk.store.read((reader) => [...reader.records(partition, this.#base.index + 1n)]);
    expect(onDisk.slice(0, durable).map(({ record }) => hex(record))).toEqual(this.#records.slice(0, durable).map(hex));
    if (!log.isDirty) expect(onDisk.map(({ record }) => hex(record))).toEqual(this.#records.map(hex));
  }
}

const hex = (record: Buffer) => record.toString('hex');
const bytesOf = (records: readonly Buffer[]) => records.reduce((sum, { length }) => sum + length, 0);

async function logOn(disk = memoryDisk(), retention = keepAll, base: LogPosition = logStart) {
  const log = new ReplicaLog({ partition, retention }, { store: disk.store });
  disk.store.read((reader) => log.open(reader, base));
  const write = async (applied = 0n) => {
    let written: WrittenLog | undefined;
    await prepare(disk, (transaction) => {
      written = log.write(transaction, applied);
    });
    if (written !== undefined) log.written(written);
    log.forget(applied);
  };
  return { log, write, disk };
}

describe('ReplicaLog', () => {
  it.each([
    ['few entries', { entries: 3, bytes: everything }],
    ['few bytes', { entries: 1_000, bytes: 300 }],
  ])(
    'is the list of its records, keeping %s, whatever fails, is cut off meanwhile, or begins anew',
    async (_, retention) => {
      await fc.assert(
        fc.asyncProperty(fc.array(step, { maxLength: 30 }), async (steps) => {
          const log = new LogUnderTest(retention);
          for (const each of steps) await log.run(each);
        }),
        { numRuns: 120 },
      );
    },
  );

  it('takes nothing that does not continue it', async () => {
    const { log } = await logOn();
    for (const record of recordsFrom(1n, [2n, 2n])) log.append(record);
    for (const record of [recordAt(2n, 2n), recordAt(4n, 2n), recordAt(3n, 1n)]) {
      expect(() => log.append(record)).toThrow(expect.objectContaining({ code: 'INTERNAL' }));
    }
    expect(log.last).toEqual({ index: 2n, epoch: 2n });
  });

  it('takes off the disk what was cut off, also when nothing comes in its place', async () => {
    const { log, write, disk } = await logOn();
    for (const record of recordsFrom(1n, [1n, 1n, 1n])) log.append(record);
    await write();
    log.truncateAfter(1n);
    expect([log.isDirty, log.durableIndex]).toEqual([true, 1n]);
    await write();
    expect(log.isDirty).toBe(false);
    const { log: reopened } = await logOn(memoryDisk(disk.disk));
    expect(reopened.last).toEqual({ index: 1n, epoch: 1n });
  });

  it('refuses to open with a gap', async () => {
    const disk = memoryDisk();
    await prepare(disk, (to) => {
      for (const index of [1n, 3n]) to.putRecord(partition, index, recordAt(index, 1n));
    });
    await expect(logOn(disk)).rejects.toThrow('a gap in the log at 3');
  });

  it('gives nothing damaged from its disk', async () => {
    const disk = memoryDisk();
    await prepare(disk, (to) => {
      const record = recordAt(1n, 1n);
      record.writeUInt8(record.readUInt8(record.length - 1) ^ 1, record.length - 1);
      to.putRecord(partition, 1n, record);
    });
    const { log } = await logOn(disk);
    expect(() => log.slice(1n, everything)).toThrow(expect.objectContaining({ code: 'DATA_CORRUPT' }));
  });

  it('keeps in memory what is on disk and not applied, so that it can be cut off there, and no more than that', async () => {
    const { log, write, disk } = await logOn();
    for (const record of recordsFrom(1n, [1n, 1n, 1n])) log.append(record);
    await write(2n);
    const gone = disk.store.read((reader) => reader.header(partition));
    expect(gone).toBeUndefined();
    await prepare(disk, (to) => to.removeRecords(partition, { fromIndex: 1n }));
    expect(log.slice(3n, everything)).toHaveLength(1);
    expect(() => log.slice(1n, everything)).toThrow(expect.objectContaining({ code: 'INTERNAL' }));
  });

  // Records that were on disk before this process, and are cut off, go on being counted.
  it('counts no bytes of what was cut off after a restart', async () => {
    const records = recordsFrom(1n, [1n, 1n, 1n, 1n]);
    const disk = memoryDisk();
    await prepare(disk, (to) => {
      for (const [at, record] of records.entries()) to.putRecord(partition, BigInt(at + 1), record);
    });
    const { log, write } = await logOn(disk, { entries: 1_000, bytes: bytesOf(records) });
    log.truncateAfter(2n);
    for (const record of recordsFrom(3n, [2n, 2n])) log.append(record);
    await write(4n);
    expect(log.base.index).toBe(0n);
  });
});
