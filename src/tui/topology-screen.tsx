import { Box, Text } from 'ink';
import { frameGroups, nodeLine } from './frame-text.ts';
import { changeLines, headerLines, quorumLines } from './summary-lines.ts';
import type { Tone } from './watch-rows.ts';
import type { WatchSnapshot } from './watch-snapshot.ts';

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

/** Lines that a frame needs beside nodes and changes: header, quorum, keys and gaps. */
const otherLines = 8;

function Line({ text, tone, columns }: { readonly text: string; readonly tone: Tone; readonly columns: number }) {
  const color = colours[tone];
  const content = text.length > columns ? `${text.slice(0, columns - 1)}…` : text;
  return color === undefined ? <Text>{content}</Text> : <Text color={color}>{content}</Text>;
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
  const { layout, groups } = frameGroups(snapshot, columns);
  const nodeLines = groups.reduce((sum, group) => sum + group.rows.length + 1, 0);
  const changes = changeLines(snapshot, Math.max(0, Math.min(8, rows - nodeLines - otherLines)));
  return (
    <Box flexDirection="column">
      {[...headerLines(snapshot), ...quorumLines(snapshot)].map(({ text, tone }) => (
        <Line key={text} text={text} tone={tone} columns={columns} />
      ))}
      {groups.map(({ role, rows: nodes }) => (
        <Box key={role} flexDirection="column">
          <Text bold>{role}</Text>
          {nodes.map((row) => (
            <Line key={row.id} text={nodeLine(row, layout)} tone={row.tone} columns={columns} />
          ))}
        </Box>
      ))}
      {changes.length > 0 && <Text bold>last changes</Text>}
      {changes.map((line) => (
        <Line key={line} text={`  ${line}`} tone="plain" columns={columns} />
      ))}
      <Keys paused={paused} help={help} />
    </Box>
  );
}
