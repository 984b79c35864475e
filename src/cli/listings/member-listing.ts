import type { ConsensusMemberStatus } from '../../consensus/consensus.ts';
import { bestReport, sourceOf, unreachableOf } from '../best-report.ts';
import type { CoordinatorReport, CoordinatorSurvey } from '../connection.ts';
import type { Listing, Source } from '../output/envelope.ts';

/** A member of the consensus engine in JSON. */
export interface MemberItem {
  readonly id: string;
  readonly engineId: string;
  readonly address: string;
  readonly leader: boolean;
  readonly reachable: boolean;
  readonly error: string;
  /** What the coordinator of the same id says of the engine; null where it did not answer. */
  readonly raft: {
    readonly term: bigint;
    readonly appliedIndex: bigint;
    readonly committedIndex: bigint;
  } | null;
}

/** The members of the consensus engine as the coordinators see them; UNREACHABLE when no coordinator reports. */
export function memberListing(survey: CoordinatorSurvey): Listing<MemberItem> {
  const best = bestReport(survey);
  const { driver, hasQuorum, alarms, raftTerm, appliedIndex, committedIndex } = best;
  return {
    ...listing(best.members, survey.reports, sourceOf(best)),
    unreachable: unreachableOf(survey, best),
    extra: { driver, hasQuorum, alarms, raftTerm, appliedIndex, committedIndex },
  };
}

/** The members that a change of them left. */
export function changedMembers(members: readonly ConsensusMemberStatus[], source: Source): Listing<MemberItem> {
  const unreachable = members.filter(({ reachable }) => !reachable);
  return {
    ...listing(members, [], source),
    unreachable: unreachable.map(({ id, error }) => ({ node: id, reason: error })),
  };
}

function listing(
  members: readonly ConsensusMemberStatus[],
  reports: readonly CoordinatorReport[],
  source: Source,
): Listing<MemberItem> {
  const items = members.map(({ id, engineId, address, leader, reachable, error }) => {
    const report = reports.find(({ nodeId }) => nodeId === id);
    return { id, engineId, address, leader, reachable, error, raft: report === undefined ? null : raftOf(report) };
  });
  return {
    kind: 'ConsensusMemberList',
    source,
    items,
    rows: items,
    columns: [
      { header: 'id', value: ({ id }) => id },
      { header: 'peer', value: ({ address }) => address },
      { header: 'leader', value: ({ leader }) => (leader ? '*' : '') },
      { header: 'reachable', value: ({ reachable }) => (reachable ? 'yes' : 'no') },
      { header: 'term', value: ({ raft }) => raft?.term ?? '-', right: true },
      { header: 'applied', value: ({ raft }) => raft?.appliedIndex ?? '-', right: true },
      { header: 'committed', value: ({ raft }) => raft?.committedIndex ?? '-', right: true },
      { header: 'error', value: ({ error }) => error },
      { header: 'engine-id', value: ({ engineId }) => engineId, wide: true },
    ],
    name: ({ id }) => `member/${id}`,
  };
}

function raftOf({ raftTerm, appliedIndex, committedIndex }: CoordinatorReport): MemberItem['raft'] {
  return { term: raftTerm, appliedIndex, committedIndex };
}
