import { coordinatorText } from './coordinator-text.ts';
import { fitTo, joinWhole, type Layout, layoutFor } from './layout.ts';
import { headerLines, quorumLines } from './summary-lines.ts';
import { type NodeRow, type RoleGroup, roleGroups, type Tone } from './watch-rows.ts';
import type { WatchSnapshot } from './watch-snapshot.ts';
import { wrapText } from './wrap-text.ts';

/** A line of a frame, no longer than the screen is wide. */
export interface FrameLine {
  readonly text: string;
  readonly tone: Tone;
  /** A title of what follows. */
  readonly isTitle: boolean;
}

/** All lines of a frame but the last changes: summary, redundancy, and the nodes by role. */
export function frameLines(snapshot: WatchSnapshot, columns: number): readonly FrameLine[] {
  const { layout, groups } = layOut(snapshot, columns);
  const summary = [...headerLines(snapshot), ...quorumLines(snapshot)];
  return [
    ...summary.flatMap(({ text, tone }) => wrapText(text, columns, '  ').map((part) => line(part, tone))),
    title(titles(layout)),
    ...groups.flatMap((group) => [title(group.role), ...groupLines(group, snapshot, layout)]),
  ];
}

function layOut(snapshot: WatchSnapshot, columns: number): { layout: Layout; groups: readonly RoleGroup[] } {
  const nodes = [...snapshot.topology.nodes.values()];
  const longest = (texts: readonly string[]) => Math.max(0, ...texts.map(({ length }) => length));
  const layout = layoutFor(
    columns,
    longest(nodes.map(({ id }) => id)),
    longest(nodes.map(({ generationId }) => String(generationId))),
  );
  return { layout, groups: roleGroups(snapshot, layout.bar) };
}

function groupLines({ role, rows }: RoleGroup, snapshot: WatchSnapshot, layout: Layout): readonly FrameLine[] {
  const lines = rows.map((row) => [line(nodeLine(row, layout), row.tone)]);
  if (role !== 'coordinator') return lines.flat();
  const below = (id: string, prefix: string) => {
    const said = coordinatorText(snapshot.survey, id);
    if (said === undefined) return [];
    return wrapText(`    ${prefix}${said.text}`, layout.columns, '    ').map((part) => line(part, said.tone));
  };
  const registered = new Set(rows.map(({ id }) => id));
  const others = (snapshot.survey?.reports ?? []).filter(({ nodeId }) => !registered.has(nodeId));
  return [
    ...rows.flatMap(({ id }, index) => [...(lines[index] ?? []), ...below(id, '')]),
    ...others.flatMap(({ nodeId }) => below(nodeId, `${nodeId} (not registered): `)),
  ];
}

/** One node's line in its columns. "*" marks the leader. */
function nodeLine(row: NodeRow, layout: Layout): string {
  const { columns } = layout;
  const texts = [`${row.leader ? '*' : ' '} ${row.id}`, row.state, row.bar, row.age, row.flaps, row.generation];
  const cells = cellsOf(layout, texts);
  // A frontend's URL says more than its address; where it has no room, the address may have.
  const address = row.addresses.find((each) => cells.length + 1 + each.length <= columns);
  return address === undefined ? cells.trimEnd() : joinWhole(cells, [address, ...row.load], columns);
}

function titles(layout: Layout): string {
  const cells = cellsOf(layout, ['  node', 'state', 'heartbeat', 'age', 'flaps', 'generation']);
  return joinWhole(cells, ['address'], layout.columns);
}

/** The cells at their widths, as many as the screen has room for. */
function cellsOf({ columns, id, state, bar, age, flaps, generation }: Layout, texts: readonly string[]): string {
  const cells = [id, state, bar, age, flaps, generation].map((width, index) => fitTo(texts[index] ?? '', width));
  let joined = '';
  for (const [index, cell] of cells.entries()) {
    const next = index === 0 ? cell : `${joined} ${cell}`;
    if (next.length > columns) break;
    joined = next;
  }
  return joined;
}

function title(text: string): FrameLine {
  return { text, tone: 'plain', isTitle: true };
}

function line(text: string, tone: Tone): FrameLine {
  return { text, tone, isTitle: false };
}
