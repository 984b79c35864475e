import { encodeRecord } from '../../../../../src/node/metadata/replication/log-record.ts';
import type { Operation } from '../../../../../src/node/metadata/state-machine/applied.ts';
import { CreateRepoRequest } from '../../../../../src/rpc/gen/stratum/v1/metadata.ts';

/** The creation of a repository; its id follows from the name. */
export function creation(name: string): Extract<Operation, { $case: 'createRepo' }> {
  const repoId = Buffer.from(name).toString('hex').padEnd(32, '0');
  return { $case: 'createRepo', value: { request: CreateRepoRequest.create({ name }), repoId } };
}

/** A record that creates a repository named after its place; `epochs` of consecutive ones from an index on. */
export function recordAt(index: bigint, epoch: bigint, name = `a/${index}-${epoch}`): Buffer {
  return encodeRecord({ index, epoch, atMs: 1_700_000_000_000n, operation: creation(name) });
}

/** Consecutive records, an epoch for each. */
export function recordsFrom(firstIndex: bigint, epochs: readonly bigint[]): Buffer[] {
  return epochs.map((epoch, at) => recordAt(firstIndex + BigInt(at), epoch));
}

/** Every copy of some bytes with one bit the other way round. */
export function* flippedBits(bytes: Buffer): Iterable<Buffer> {
  for (let bit = 0; bit < bytes.length * 8; bit += 1) {
    const copy = Buffer.from(bytes);
    copy.writeUInt8(copy.readUInt8(bit >> 3) ^ (1 << (bit & 7)), bit >> 3);
    yield copy;
  }
}
