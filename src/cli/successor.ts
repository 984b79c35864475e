import type { CoordinatorSurvey } from './connection.ts';
import { unknownNode } from './unknown-node.ts';

/**
 * Who is to lead after `leaderId`: the coordinator that was asked for (NODE_NOT_FOUND when there is
 * no such one), or the one that reports, is in touch with the quorum and has seen most. Empty when
 * nobody else reports: then the leader has to know better. A named successor makes the call safe to
 * repeat, while "any other" might move the leadership twice.
 */
export function successorOf(
  survey: CoordinatorSurvey,
  leaderId: string | undefined,
  wanted: string | undefined,
): string {
  if (wanted !== undefined) {
    const known = coordinatorIds(survey);
    if (known.has(wanted)) return wanted;
    throw unknownNode(wanted, known, 'coordinator');
  }
  const [best] = survey.reports
    .filter(({ nodeId }) => nodeId !== leaderId)
    .toSorted((a, b) => Number(b.hasQuorum) - Number(a.hasQuorum) || (a.version > b.version ? -1 : 1));
  return best?.nodeId ?? '';
}

/** Where a coordinator listens; empty when nobody knows. */
export function addressOfCoordinator({ topology, reports }: CoordinatorSurvey, nodeId: string): string {
  return topology?.nodes.get(nodeId)?.address ?? reports.find((report) => report.nodeId === nodeId)?.address ?? '';
}

function coordinatorIds({ topology, reports }: CoordinatorSurvey): Set<string> {
  const registered = [...(topology?.nodes.values() ?? [])].filter(({ roles }) => roles.includes('coordinator'));
  return new Set([...registered, ...reports.map(({ nodeId }) => ({ id: nodeId }))].map(({ id }) => id));
}
