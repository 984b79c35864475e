import { StratumError } from '../base/errors.ts';
import type { ConsensusMemberStatus } from '../consensus/consensus.ts';
import { majorityOf } from '../consensus/majority.ts';
import { bestReport } from './best-report.ts';
import type { CoordinatorReport, CoordinatorSurvey } from './connection.ts';

/** The report that a change of members is decided on; UNIMPLEMENTED where the engine has no members to change. */
export function changeableEngine(survey: CoordinatorSurvey): CoordinatorReport {
  const report = bestReport(survey);
  if (report.driver !== 'embedded') return report;
  throw new StratumError('UNIMPLEMENTED', 'an embedded coordinator has no members to add or remove', undefined, {
    hint: 'several coordinators share an etcd cluster: start them with --peers or --etcd-endpoints',
  });
}

/** Whether the members that answer now would still be a majority beside one that has not been started yet. */
export function keepsQuorumWithNew(members: readonly ConsensusMemberStatus[]): boolean {
  return members.filter(({ reachable }) => reachable).length >= majorityOf(members.length + 1);
}
