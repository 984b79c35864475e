import { StratumError } from '../../base/errors.ts';
import { majorityOf } from '../../consensus/majority.ts';
import type { Partition } from '../../topology/topology.ts';
import { bestReport, sourceOf, unreachableOf } from '../best-report.ts';
import type { CoordinatorSurvey, LeaderReport, TopologySnapshot } from '../connection.ts';
import { findPartition } from '../find-partition.ts';
import type { Listing, Source } from '../output/envelope.ts';

/** Whose leader is meant. */
export type LeaderScope =
  | { readonly kind: 'coordinator' }
  | { readonly kind: 'consensus' }
  | { readonly kind: 'partition'; readonly partition: number };

/** A leader in JSON. */
export interface LeaderItem {
  readonly scope: string;
  readonly leaderId: string;
  readonly address: string;
  /** The term of a coordinator or of the consensus engine, the epoch of a partition. */
  readonly term: bigint;
  readonly detail: string;
}

/** Reads "coordinator", "consensus" or "partition:N"; INVALID_ARGUMENT. */
export function parseScope(text: string): LeaderScope {
  if (text === 'coordinator' || text === 'consensus') return { kind: text };
  const [, number] = /^partition:(\d{1,9})$/.exec(text) ?? [];
  if (number !== undefined) return { kind: 'partition', partition: Number(number) };
  const expected = 'coordinator, consensus or partition:N';
  const details = { field: '--scope', reason: `"${text}" is no scope`, expected };
  throw new StratumError('INVALID_ARGUMENT', `--scope: "${text}" is no scope`, details, {
    hint: `expected ${expected}`,
  });
}

/** The leader of the coordinators; NO_LEADER when there is none. */
export function coordinatorLeader(report: LeaderReport): Listing<LeaderItem> {
  const { leaderId, leaderAddress, term, source } = report;
  if (leaderId === undefined) {
    const details = { what: 'coordinator leader' };
    throw new StratumError('NO_LEADER', `no coordinator leads: ${source.node} knows of none`, details);
  }
  return leaderListing({ scope: 'coordinator', leaderId, address: leaderAddress ?? '', term, detail: '' }, source);
}

/** The leader of the consensus engine; NO_QUORUM or NO_LEADER when there is none, UNREACHABLE when nobody could say. */
export function consensusLeader(survey: CoordinatorSurvey): Listing<LeaderItem> {
  const report = bestReport(survey);
  const leader = report.members.find((member) => member.leader);
  if (!report.hasQuorum || leader === undefined) {
    const have = report.members.filter(({ reachable }) => reachable).length;
    const details = { what: report.driver, have, need: majorityOf(report.members.length) };
    const code = report.hasQuorum ? 'NO_LEADER' : 'NO_QUORUM';
    throw new StratumError(code, `the ${report.driver} consensus has no leader: ${have} members answer`, details);
  }
  const detail = `${report.driver}, applied ${report.appliedIndex} of ${report.committedIndex}`;
  const { id, address } = leader;
  return {
    ...leaderListing({ scope: 'consensus', leaderId: id, address, term: report.raftTerm, detail }, sourceOf(report)),
    unreachable: unreachableOf(survey, report),
    extra: { driver: report.driver, members: report.members },
  };
}

/** The primary of a partition; NOT_FOUND for a number that there is not, NOT_READY before it is assigned. */
export function partitionLeader(snapshot: TopologySnapshot, number: number): Listing<LeaderItem> {
  return leaderOfPartition(findPartition(snapshot.topology, number), snapshot);
}

/** The primary of a partition as it is given; NOT_READY before it is assigned. */
export function leaderOfPartition(partition: Partition, { topology, source }: TopologySnapshot): Listing<LeaderItem> {
  const { id, primaryId, epoch, inSync } = partition;
  if (primaryId === '') {
    throw new StratumError('NOT_READY', `partition ${id} has no primary yet`, { what: `partition ${id}` });
  }
  const address = topology.nodes.get(primaryId)?.address ?? '';
  const detail = `in sync: ${inSync.join(', ')}`;
  return leaderListing({ scope: `partition:${id}`, leaderId: primaryId, address, term: epoch, detail }, source);
}

/** A leader as it is printed. */
export function leaderListing(item: LeaderItem, source: Source): Listing<LeaderItem> {
  return {
    kind: 'Leader',
    source,
    items: [item],
    rows: [item],
    columns: [
      { header: 'scope', value: ({ scope }) => scope },
      { header: 'leader', value: ({ leaderId }) => leaderId },
      { header: 'address', value: ({ address }) => address },
      { header: 'term', value: ({ term }) => term, right: true },
      { header: 'detail', value: ({ detail }) => detail, wide: true },
    ],
    name: ({ leaderId }) => `node/${leaderId}`,
  };
}
