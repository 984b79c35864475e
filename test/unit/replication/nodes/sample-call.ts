import { StratumError } from '../../../../src/base/errors.ts';
import type { Random } from '../../../../src/base/random.ts';
import { MemoryBlobSource } from '../../../../src/replication/memory-blob-source.ts';

export const fence = { term: 1n, ringEpoch: 1n };
export const options = { timeoutMs: 1_000 };
export const source = new MemoryBlobSource(Buffer.from('some bytes of a blob'));
export const blob = { oid: source.oid, content: Buffer.from('some bytes of a blob') };

export function unreachable(endpoint = 'o1:1'): StratumError<'UNREACHABLE'> {
  return new StratumError('UNREACHABLE', `connection to ${endpoint} refused`, { endpoint, method: 'PutBlob' });
}

export function late(endpoint = 'o1:1'): StratumError<'DEADLINE_EXCEEDED'> {
  return new StratumError('DEADLINE_EXCEEDED', `${endpoint} gave no answer`, { endpoint, timeoutMs: 1_000 });
}

/** What a node says when it refuses: it is there. */
export const refusals = [
  new StratumError('CHECKSUM_MISMATCH', 'other content', { oid: source.oid, expected: source.oid, got: 'x' }),
  new StratumError('DISK_FULL', 'full', { what: 'free disk', limit: 1n }),
  new StratumError('STALE_TERM', 'old term', { fence: 'term', sent: 1n, current: 2n }),
  new StratumError('STALE_EPOCH', 'old ring', { fence: 'ring_epoch', sent: 1n, current: 2n }),
  new StratumError('BLOB_NOT_FOUND', 'none', { kind: 'blob', id: source.oid }),
  new StratumError('OVERLOADED', 'too much', { retryAfterMs: 10 }),
  new StratumError('INTERNAL', 'a bug'),
];

/** Always the longest pause. */
export const noJitter: Random = { next: () => 1 - Number.EPSILON, bytes: (length) => Buffer.alloc(length) };
