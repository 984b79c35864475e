import type { CommandIo } from '../io.ts';
import { startProgress } from '../progress.ts';
import type { ScannedStretch } from './blob-scan.ts';

/** The same stretches, with how far they have come on stderr of a terminal; a script's log is not filled with it. */
export async function* withScanProgress(
  stretches: AsyncIterable<ScannedStretch>,
  io: CommandIo,
): AsyncGenerator<ScannedStretch> {
  if (!io.stderrIsTerminal) {
    yield* stretches;
    return;
  }
  const progress = await startProgress('listing the blobs of all nodes', io);
  let count = 0;
  try {
    for await (const stretch of stretches) {
      count += stretch.blobs.length;
      progress.update(`${count} blobs, ${Math.floor(100 * stretch.done)} % of the ring`);
      yield stretch;
    }
  } finally {
    progress.end();
  }
}
