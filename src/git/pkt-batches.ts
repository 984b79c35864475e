import { KiB } from '../base/units.ts';

/** Size from which a batch is handed on: as large as a socket takes at once, small beside the whole. */
const batchBytes = 64 * KiB;

/**
 * Joins many small pkt-lines to chunks of about 64 KiB, so that 100,000 lines are not 100,000 writes. What is that
 * large already is handed on as it is, uncopied.
 */
export function* inBatches(lines: Iterable<Buffer>): Generator<Buffer, void, undefined> {
  let batch: Buffer[] = [];
  let bytes = 0;
  for (const line of lines) {
    const isLarge = line.length >= batchBytes;
    if (!isLarge) {
      batch.push(line);
      bytes += line.length;
      if (bytes < batchBytes) continue;
    }
    if (bytes > 0) yield Buffer.concat(batch);
    batch = [];
    bytes = 0;
    if (isLarge) yield line;
  }
  if (bytes > 0) yield Buffer.concat(batch);
}
