import { open } from 'lmdb';
import { StratumError } from '../../../../src/base/errors.ts';
import { decodeRecord } from '../../../../src/node/metadata/replication/log-record.ts';
import { applyEntry } from '../../../../src/node/metadata/state-machine/apply.ts';
import type { LogEntry } from '../../../../src/rpc/gen/stratum/v1/metadata.ts';
import { MemoryState } from './memory-state.ts';

/** What a closed store holds of one partition, read as raw records. */
export interface StoredPartition {
  readonly entries: readonly LogEntry[];
  /** Keys and values in hex. */
  readonly state: readonly (readonly [string, string])[];
}

const prefixBytes = 4;

export async function readStoredPartition(path: string, partition: number): Promise<StoredPartition> {
  const database = open<Buffer, Buffer>({ path, encoding: 'binary', keyEncoding: 'binary', overlappingSync: false });
  const below = (name: string) => {
    const start = Buffer.from([...Buffer.from(name), partition >> 8, partition & 0xff]);
    return [...database.getRange({ start, end: Buffer.concat([start, Buffer.alloc(1_000, 0xff)]) })];
  };
  try {
    return {
      entries: below('ml').map(({ value }) => decodeRecord(value)),
      state: below('ms').map(({ key, value }) => [key.subarray(prefixBytes).toString('hex'), value.toString('hex')]),
    };
  } finally {
    await database.close();
  }
}

/** The state that a log makes of nothing, in the same form. */
export function replayed(partition: number, entries: readonly LogEntry[]): StoredPartition['state'] {
  const state = new MemoryState();
  for (const entry of entries) {
    try {
      state.write(applyEntry(partition, state, entry).writes);
    } catch (error) {
      // A refusal is an entry without effect.
      if (!(error instanceof StratumError)) throw error;
    }
  }
  return state.dump();
}
