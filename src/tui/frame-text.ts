import { frameLines } from './frame-lines.ts';
import { changeLines } from './summary-lines.ts';
import type { WatchSnapshot } from './watch-snapshot.ts';
import { wrapText } from './wrap-text.ts';

/** Changes that one frame of text lists. */
const changesShown = 5;

/** One frame as plain text, for `--once` and for logs. */
export function frameText(snapshot: WatchSnapshot, columns: number): string {
  const lines = frameLines(snapshot, columns).map(({ text }) => text);
  const changes = changeLines(snapshot, changesShown);
  if (changes.length > 0)
    lines.push('last changes', ...changes.flatMap((line) => wrapText(`  ${line}`, columns, '    ')));
  return `${lines.join('\n')}\n`;
}
