import { StratumError } from '../base/errors.ts';
import type { CoordinatorReport, CoordinatorSurvey } from './connection.ts';
import type { Source, Unreachable } from './output/envelope.ts';

/**
 * The report that speaks for the consensus engine: one that sees a quorum before one that is cut
 * off, and of those the one that has seen most. UNREACHABLE when no coordinator reports.
 */
export function bestReport(survey: CoordinatorSurvey): CoordinatorReport {
  const [best] = survey.reports.toSorted(
    (left, right) =>
      Number(right.hasQuorum) - Number(left.hasQuorum) ||
      compare(right.raftTerm, left.raftTerm) ||
      compare(right.committedIndex, left.committedIndex) ||
      Number(right.isLeader) - Number(left.isLeader),
  );
  if (best === undefined) throw nobodyReports(survey);
  return best;
}

/** Whose answer a result was read from. */
export function sourceOf({ nodeId, version, term }: CoordinatorReport): Source {
  return { node: nodeId, version, term };
}

/** The coordinators that do not report, and members of the engine that it does not reach; each node once. */
export function unreachableOf({ silent }: CoordinatorSurvey, { members }: CoordinatorReport): readonly Unreachable[] {
  const found = new Map(silent.map(({ node, reason }) => [node, reason]));
  for (const { id, reachable, error } of members) if (!reachable && !found.has(id)) found.set(id, error);
  return [...found].map(([node, reason]) => ({ node, reason }));
}

/** The first coordinator that answers and cannot report says why; otherwise all that was tried is named. */
function nobodyReports({ silent }: CoordinatorSurvey): StratumError {
  const each = silent.map(({ node, reason }) => `${node}: ${reason}`).join('; ');
  if (silent.some(({ answers }) => answers)) {
    return new StratumError('NOT_READY', `no coordinator can report: ${each}`, { what: 'the coordinators' });
  }
  const endpoint = silent.map(({ node }) => node).join(',');
  return new StratumError(
    'UNREACHABLE',
    `no coordinator answers: ${each}`,
    { endpoint },
    {
      hint: `check that a coordinator runs at ${endpoint}`,
    },
  );
}

function compare(left: bigint, right: bigint): number {
  return left < right ? -1 : left > right ? 1 : 0;
}
