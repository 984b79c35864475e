import { StratumError } from '../../base/errors.ts';
import type { BlobSource } from '../blob-source.ts';
import { endOnAbort } from '../end-on-abort.ts';

/** All of a small source, in memory; INVALID_ARGUMENT when it is not of its size. */
export async function readSource(source: BlobSource, signal: AbortSignal): Promise<Buffer> {
  const chunks: Buffer[] = [];
  let bytes = 0;
  for await (const chunk of endOnAbort(source.open(), signal)) {
    bytes += chunk.length;
    if (bytes > source.size) throw wrongSize(source, `more than ${source.size} bytes`);
    chunks.push(chunk);
  }
  if (bytes < source.size) throw wrongSize(source, `only ${bytes} bytes`);
  const [only] = chunks;
  return chunks.length === 1 && only !== undefined ? only : Buffer.concat(chunks);
}

/** The error of a source that gives more or fewer bytes than it announces. */
export function wrongSize({ oid, size }: BlobSource, came: string): StratumError<'INVALID_ARGUMENT'> {
  const details = { field: 'size', reason: `${came} came`, expected: `${size} bytes` };
  return new StratumError(
    'INVALID_ARGUMENT',
    `the source of blob ${oid} gave ${came}, ${size} were announced`,
    details,
  );
}
