import { formatDuration } from '../base/units.ts';
import { copyAgeMaxMs } from '../cli/cluster-verdict.ts';
import type { SummaryLine } from './summary-lines.ts';
import type { WatchSnapshot } from './watch-snapshot.ts';

/** What a coordinator says of itself, or that it says nothing; undefined before it was asked. */
export function coordinatorText(survey: WatchSnapshot['survey'], nodeId: string): SummaryLine | undefined {
  const silent = survey?.silent.find(({ node }) => node === nodeId);
  if (silent !== undefined) return { text: `does not report: ${silent.reason}`, tone: 'bad' };
  const report = survey?.reports.find((each) => each.nodeId === nodeId);
  if (report === undefined) return undefined;
  const { isLeader, term, appliedIndex, committedIndex, hasQuorum, ageMs } = report;
  const parts = [
    isLeader ? 'leader' : 'follower',
    `term ${term}`,
    `applied ${appliedIndex}`,
    `committed ${committedIndex}`,
    hasQuorum ? 'quorum holds' : 'NO QUORUM',
  ];
  const isOld = ageMs > copyAgeMaxMs;
  if (isOld) parts.push(`topology ${formatDuration(ageMs)} old`);
  return { text: parts.join(', '), tone: hasQuorum ? (isOld ? 'warning' : 'plain') : 'bad' };
}
