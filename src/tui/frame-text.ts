import { fitTo, type Layout, layoutFor } from './layout.ts';
import { changeLines, headerLines, quorumLines } from './summary-lines.ts';
import { type NodeRow, type RoleGroup, roleGroups } from './watch-rows.ts';
import type { WatchSnapshot } from './watch-snapshot.ts';

/** Changes that one frame of text lists. */
const changesShown = 5;

/** The columns and groups that both forms of the view draw. */
export function frameGroups(
  snapshot: WatchSnapshot,
  columns: number,
): { layout: Layout; groups: readonly RoleGroup[] } {
  const rows = roleGroups(snapshot, 1).flatMap((group) => group.rows);
  const longest = (lengthOf: (row: NodeRow) => number) => Math.max(0, ...rows.map(lengthOf));
  const layout = layoutFor(
    columns,
    longest(({ id }) => id.length),
    longest(({ address }) => address.length),
  );
  return { layout, groups: roleGroups(snapshot, layout.bar) };
}

/** One node's line in its columns. "*" marks the leader. */
export function nodeLine(row: NodeRow, layout: Layout): string {
  const cells = [
    fitTo(`${row.leader ? '*' : ' '} ${row.id}`, layout.id),
    fitTo(row.state, layout.state),
    row.bar,
    fitTo(row.age, layout.age),
    fitTo(row.address, layout.address),
    fitTo(row.load, layout.load),
  ];
  return cells.join(' ').trimEnd();
}

/** One frame as plain text, for `--once` and for logs. */
export function frameText(snapshot: WatchSnapshot, columns: number): string {
  const { layout, groups } = frameGroups(snapshot, columns);
  const lines = [...headerLines(snapshot), ...quorumLines(snapshot)].map(({ text }) => text);
  for (const { role, rows } of groups) lines.push('', role, ...rows.map((row) => nodeLine(row, layout)));
  const changes = changeLines(snapshot, changesShown);
  if (changes.length > 0) lines.push('', 'last changes', ...changes.map((line) => `  ${line}`));
  return `${lines.join('\n')}\n`;
}
