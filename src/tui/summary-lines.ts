import { formatDuration, formatTime } from '../base/units.ts';
import { bestReport } from '../cli/best-report.ts';
import { partitionStatistics, type QuorumStatistics, ringStatistics } from '../cli/quorum-statistics.ts';
import type { Tone } from './watch-rows.ts';
import type { WatchSnapshot } from './watch-snapshot.ts';

/** A line with its tone. */
export interface SummaryLine {
  readonly text: string;
  readonly tone: Tone;
}

/** Who leads, how the consensus engine is, and how fresh the data is. */
export function headerLines(snapshot: WatchSnapshot): readonly SummaryLine[] {
  const { topology, leaderId, leaderAddress, leaderTerm, disconnectedMs } = snapshot;
  const engine = engineText(snapshot);
  const isAsked = leaderTerm !== undefined;
  const none = isAsked ? 'no leader' : 'leader not known yet';
  const leader = leaderId === undefined ? none : `leader ${leaderId} (${leaderAddress ?? 'address unknown'})`;
  const place = `term ${leaderTerm ?? topology.term}, version ${topology.version}`;
  const lines: SummaryLine[] = [
    {
      text: `${snapshot.clusterName}: ${leader}, ${place}, ${engine.text}, ${topology.nodes.size} nodes`,
      tone: leaderId === undefined && isAsked ? 'bad' : engine.tone,
    },
  ];
  if (disconnectedMs > 0) {
    lines.push({ text: `disconnected, data ${formatDuration(disconnectedMs)} old; reconnecting`, tone: 'bad' });
  }
  return lines;
}

function engineText({ survey }: WatchSnapshot): SummaryLine {
  if (survey === undefined || survey.reports.length === 0) return { text: 'consensus unknown', tone: 'warning' };
  const { driver, members, hasQuorum } = bestReport({ ...survey, topology: undefined });
  const reachable = members.filter((member) => member.reachable).length;
  const text = `${driver} ${reachable} of ${members.length} members reachable`;
  if (!hasQuorum) return { text: `${text}, NO QUORUM`, tone: 'bad' };
  return { text, tone: reachable < members.length ? 'warning' : 'plain' };
}

/** Redundancy of blobs and of repositories. */
export function quorumLines(snapshot: WatchSnapshot): readonly SummaryLine[] {
  const { ring } = snapshot.topology;
  const formed = ring.epoch > 0n;
  const ringTitle = `ring epoch ${ring.epoch}, ${ring.writeQuorum} of ${ring.replicationFactor}`;
  return [
    formed
      ? quorumLine(ringTitle, 'ranges', ringStatistics(snapshot.topology))
      : { text: 'ring: not formed yet', tone: 'warning' },
    quorumLine('partitions', '', partitionStatistics(snapshot.topology)),
  ];
}

/** The latest changes, newest first, at most `count`. */
export function changeLines(snapshot: WatchSnapshot, count: number): readonly string[] {
  return snapshot.changes.slice(0, count).map(({ version, atMs, text }) => {
    return `${formatTime(atMs).slice(11, 19)} v${version} ${text}`;
  });
}

function quorumLine(title: string, unit: string, statistics: QuorumStatistics): SummaryLine {
  const { total, full, atQuorum, belowQuorum, lost } = statistics;
  const of = `${total}${unit === '' ? '' : ` ${unit}`}`;
  const text = `${title}: ${full} of ${of} full, ${atQuorum} at quorum, ${belowQuorum} below, ${lost} unavailable`;
  const tone: Tone = belowQuorum + lost > 0 ? 'bad' : atQuorum > 0 ? 'warning' : 'good';
  return { text, tone };
}
