import { StratumError } from '../base/errors.ts';
import type { Oid } from '../base/oid.ts';
import type { BlobInfo, BlobStore, SmallBlobAnswer } from './blob-store.ts';

/** A whole blob in memory, or what the store can say of it. */
export async function readWhole(store: BlobStore, oid: Oid): Promise<SmallBlobAnswer> {
  try {
    const { chunks } = await store.read(oid);
    return { presence: 'PRESENT', content: Buffer.concat(await Array.fromAsync(chunks)) };
  } catch (error) {
    // Not there, deleted meanwhile, or found to be damaged: the store knows which by now.
    if (!(error instanceof StratumError)) throw error;
    const presence = await store.presence(oid);
    // Put just now, after the look for it: asking again finds it.
    return { presence: presence === 'PRESENT' ? 'UNKNOWN' : presence };
  }
}

/** The error of a blob that does not fit in a message. */
export function tooLarge({ oid, size }: Pick<BlobInfo, 'oid' | 'size'>, bytesMax: number): StratumError<'TOO_LARGE'> {
  const details = { what: `blob ${oid}`, limit: BigInt(bytesMax), actual: BigInt(size) };
  const hint = 'read it with GetBlob, which streams';
  return new StratumError('TOO_LARGE', `blob ${oid} has ${size} bytes and does not fit in a message`, details, {
    hint,
  });
}
