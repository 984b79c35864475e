import { Box, Text } from 'ink';
import { type FrameLine, frameLines } from './frame-lines.ts';
import { changeLines } from './summary-lines.ts';
import type { Tone } from './watch-rows.ts';
import type { WatchSnapshot } from './watch-snapshot.ts';
import { wrapText } from './wrap-text.ts';

/** What the screen shows and how. */
export interface TopologyScreenProps {
  readonly snapshot: WatchSnapshot | undefined;
  readonly columns: number;
  readonly rows: number;
  readonly paused: boolean;
  readonly help: boolean;
}

const colours: Readonly<Record<Tone, string | undefined>> = {
  good: 'green',
  plain: undefined,
  warning: 'yellow',
  bad: 'red',
};

/** Changes that are listed where there is room. */
const changesMax = 8;

function Line({ text, tone, isTitle }: FrameLine) {
  const color = colours[tone];
  if (isTitle) return <Text bold>{text}</Text>;
  return color === undefined ? <Text>{text}</Text> : <Text color={color}>{text}</Text>;
}

function Keys({ paused, help }: { readonly paused: boolean; readonly help: boolean }) {
  if (help) {
    return (
      <Text dimColor>
        q quit · p pause · ? hide this · bar: age of the heartbeat, "|" is suspect, full is down · * leader
      </Text>
    );
  }
  return <Text dimColor>{paused ? 'PAUSED · p go on · q quit · ? help' : 'q quit · p pause · ? help'}</Text>;
}

/** The live view of the cluster: leader, redundancy, nodes with their heartbeats, and what changed last. */
export function TopologyScreen({ snapshot, columns, rows, paused, help }: TopologyScreenProps) {
  if (snapshot === undefined) return <Text>waiting for a coordinator …</Text>;
  // The keys take the last line, or two with their help on a narrow screen.
  const room = rows - (help ? 2 : 1);
  const lines = fitRows(frameLines(snapshot, columns), room);
  const changes = lastChanges(snapshot, columns, room - lines.length);
  return (
    <Box flexDirection="column">
      {numbered([...lines, ...changes]).map(({ key, value }) => (
        <Line key={key} {...value} />
      ))}
      <Keys paused={paused} help={help} />
    </Box>
  );
}

/** A screen that is too low says how much it does not show. */
function fitRows(lines: readonly FrameLine[], room: number): readonly FrameLine[] {
  if (lines.length <= room) return lines;
  const shown = Math.max(0, room - 1);
  const text = `… ${lines.length - shown} more lines; a higher window shows them`;
  return [...lines.slice(0, shown), { text, tone: 'warning', isTitle: false }];
}

/** The latest changes as far as there is room for whole ones, under a title. */
function lastChanges(snapshot: WatchSnapshot, columns: number, room: number): readonly FrameLine[] {
  const lines: FrameLine[] = [{ text: 'last changes', tone: 'plain', isTitle: true }];
  for (const change of changeLines(snapshot, changesMax)) {
    const wrapped = wrapText(`  ${change}`, columns, '    ');
    if (lines.length + wrapped.length > room) break;
    lines.push(...wrapped.map((text): FrameLine => ({ text, tone: 'plain', isTitle: false })));
  }
  return lines.length === 1 ? [] : lines;
}

/** A line has no name but its place. */
function numbered(lines: readonly FrameLine[]): readonly { readonly key: string; readonly value: FrameLine }[] {
  return lines.map((value, index) => ({ key: `line-${index}`, value }));
}
