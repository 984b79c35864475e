import { bestReport, sourceOf, unreachableOf } from '../best-report.ts';
import type { ClusterVerdict, Finding } from '../cluster-verdict.ts';
import type { CoordinatorSurvey } from '../connection.ts';
import type { Listing } from '../output/envelope.ts';

/** What is wrong with a cluster, worst first; the verdict stands beside it in JSON. */
export function healthListing(survey: CoordinatorSurvey, { verdict, findings }: ClusterVerdict): Listing<Finding> {
  const best = survey.reports.length === 0 ? undefined : bestReport(survey);
  const silent = survey.silent.map(({ node, reason }) => ({ node, reason }));
  return {
    kind: 'ClusterHealth',
    source: best === undefined ? undefined : sourceOf(best),
    items: findings,
    rows: findings,
    columns: [
      { header: 'verdict', value: (finding) => finding.verdict },
      { header: 'reason', value: ({ reason }) => reason },
      { header: 'see', value: ({ command }) => command },
    ],
    name: (finding) => finding.verdict,
    unreachable: best === undefined ? silent : unreachableOf(survey, best),
    extra: {
      verdict,
      reasons: findings.map(({ reason }) => reason),
      clusterId: survey.topology?.clusterId ?? '',
      leaderId: best?.leaderId ?? '',
      driver: best?.driver ?? '',
    },
  };
}

/** The verdict as an item of its own, for the forms of output that print nothing but items. */
export function verdictListing(findings: Listing<Finding>, { verdict }: ClusterVerdict): Listing<object> {
  const item = { verdict, ...findings.extra };
  return { kind: findings.kind, source: findings.source, items: [item], rows: [], columns: [], name: () => verdict };
}
