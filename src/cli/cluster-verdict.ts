import type { Node, Topology } from '../topology/topology.ts';
import { bestReport } from './best-report.ts';
import type { CoordinatorReport, CoordinatorSurvey } from './connection.ts';
import { partitionStatistics, ringStatistics, type Serves } from './quorum-statistics.ts';

/** How well a cluster can serve. */
export type HealthVerdict = 'healthy' | 'degraded' | 'no-quorum' | 'unknown';

/** The contract's exit codes. */
export const healthExitCodes: Readonly<Record<HealthVerdict, number>> = {
  healthy: 0,
  degraded: 5,
  'no-quorum': 6,
  unknown: 7,
};

/** One thing that is wrong. */
export interface Finding {
  /** How bad it is for itself alone. */
  readonly verdict: Exclude<HealthVerdict, 'healthy'>;
  /** For people. */
  readonly reason: string;
  /** The command that tells more, or helps. */
  readonly command: string;
}

/** A verdict and what led to it, worst first. */
export interface ClusterVerdict {
  readonly verdict: HealthVerdict;
  readonly findings: readonly Finding[];
}

const severity: readonly HealthVerdict[] = ['healthy', 'degraded', 'unknown', 'no-quorum'];

/** A copy of the topology that is older is worth a word: an embedded one is at 0, a follower hears of the engine every second or so. */
export const copyAgeMaxMs = 10_000;

/**
 * Judges a cluster by what its coordinators say. "unknown" only when nobody answers, or nobody who
 * answers could give the topology while the quorum holds: whoever answers without a leader or a
 * quorum has told enough.
 */
export function judgeCluster(survey: CoordinatorSurvey): ClusterVerdict {
  const findings = [...coordinatorFindings(survey), ...topologyFindings(survey)].sort(
    (left, right) => severity.indexOf(right.verdict) - severity.indexOf(left.verdict),
  );
  return { verdict: findings[0]?.verdict ?? 'healthy', findings };
}

/** What is wrong with ring and partitions; `serves` tells which nodes count as there. */
export function placementFindings(topology: Topology, serves?: Serves): readonly Finding[] {
  return [...ringFindings(topology, serves), ...partitionFindings(topology, serves)];
}

function coordinatorFindings(survey: CoordinatorSurvey): readonly Finding[] {
  const { reports, silent } = survey;
  // Where nobody reports, the addresses that were asked are the first suspects.
  const command = reports.length === 0 ? 'stratum context list' : 'stratum cluster member list';
  const unheard = silent.map(({ node, reason, answers }): Finding => {
    const what = answers ? 'answers and cannot report' : 'does not answer';
    return { verdict: 'degraded', reason: `the coordinator ${node} ${what}: ${reason}`, command };
  });
  if (reports.length > 0) return [...engineFindings(survey, bestReport(survey)), ...unheard];
  const verdict = silent.some(({ answers }) => answers) ? 'no-quorum' : 'unknown';
  const reason = verdict === 'unknown' ? 'no coordinator answers' : 'no coordinator has a topology to lead by';
  return [{ verdict, reason, command }, ...unheard];
}

function engineFindings({ reports, silent }: CoordinatorSurvey, best: CoordinatorReport): readonly Finding[] {
  const { driver, members, hasQuorum, alarms } = best;
  const command = 'stratum cluster member list';
  const reachable = members.filter((member) => member.reachable).length;
  const findings: Finding[] = [];
  const heard = new Set(silent.map(({ node }) => node));
  if (!hasQuorum) {
    const reason = `the ${driver} consensus has no quorum: ${reachable} of ${members.length} members answer`;
    findings.push({ verdict: 'no-quorum', reason, command });
  } else if (reports.every(({ leaderId }) => leaderId === undefined)) {
    findings.push({ verdict: 'no-quorum', reason: 'no coordinator leads', command: 'stratum leader watch' });
  }
  for (const alarm of alarms) {
    const reason = `the ${driver} consensus refuses every change: ${alarm} (compact and defragment it, then etcdctl alarm disarm)`;
    findings.push({ verdict: 'no-quorum', reason, command });
  }
  for (const { id, error } of members.filter((member) => !member.reachable && !heard.has(member.id))) {
    findings.push({ verdict: 'degraded', reason: `the consensus member ${id} does not answer: ${error}`, command });
  }
  for (const { nodeId, ...report } of reports) {
    const isCutOff = hasQuorum && !report.hasQuorum;
    if (isCutOff) findings.push({ verdict: 'degraded', reason: `${nodeId} sees no quorum, others do`, command });
    if (isCutOff || !hasQuorum || report.ageMs <= copyAgeMaxMs) continue;
    const reason = `the topology of ${nodeId} is ${Math.floor(report.ageMs / 1000)} s old`;
    findings.push({ verdict: 'degraded', reason, command });
  }
  return findings;
}

function topologyFindings({ reports, topology }: CoordinatorSurvey): readonly Finding[] {
  if (topology !== undefined) return [...placementFindings(topology), ...nodeFindings(topology)];
  if (reports.length === 0) return [];
  return [{ verdict: 'unknown', reason: 'the topology could not be read', command: 'stratum topology show' }];
}

function ringFindings(topology: Topology, serves: Serves | undefined): readonly Finding[] {
  const { ring } = topology;
  const command = 'stratum node list';
  if (ring.epoch === 0n) return [{ verdict: 'no-quorum', reason: 'the ring is not formed', command }];
  const { total, atQuorum, belowQuorum, lost } = ringStatistics(topology, serves);
  const below = belowQuorum + lost;
  const findings: Finding[] = [];
  if (below > 0) {
    const reason = `${below} of ${total} ranges of the ring have fewer than ${ring.writeQuorum} object nodes`;
    findings.push({ verdict: 'no-quorum', reason, command });
  }
  if (atQuorum > 0) {
    const reason = `${atQuorum} of ${total} ranges of the ring have fewer than ${ring.replicationFactor} object nodes`;
    findings.push({ verdict: 'degraded', reason, command });
  }
  return findings;
}

function partitionFindings(topology: Topology, serves: Serves | undefined): readonly Finding[] {
  const assigned = topology.partitions.filter(({ epoch }) => epoch > 0n);
  if (assigned.length === 0) {
    return [{ verdict: 'no-quorum', reason: 'partitions are not assigned', command: 'stratum node list' }];
  }
  const command = 'stratum partition list';
  const { total, atQuorum, belowQuorum, lost } = partitionStatistics(topology, serves);
  const findings: Finding[] = [];
  if (lost > 0) {
    const reason = `${lost} of ${total} partitions have no primary that serves`;
    findings.push({ verdict: 'no-quorum', reason, command });
  }
  if (belowQuorum > 0) {
    const reason = `${belowQuorum} of ${total} partitions have fewer than two of their in-sync replicas`;
    findings.push({ verdict: 'no-quorum', reason, command });
  }
  if (atQuorum > 0) {
    const reason = `${atQuorum} of ${total} partitions have fewer replicas in sync than assigned`;
    findings.push({ verdict: 'degraded', reason, command });
  }
  return findings;
}

function nodeFindings({ nodes }: Topology): readonly Finding[] {
  return [...nodes.values()]
    .filter(({ state }) => state !== 'ACTIVE')
    .map((node) => ({
      verdict: 'degraded',
      reason: `${node.id} is ${node.state}${meaning(node)}`,
      command: `stratum node show ${node.id}`,
    }));
}

function meaning({ state, intentAudit }: Node): string {
  switch (state) {
    case 'SUSPECT':
      return ': its heartbeats are late';
    case 'DOWN':
      return ': its heartbeats have stopped';
    case 'DRAINING':
      return intentAudit === undefined ? '' : ` as ${intentAudit.actor} asked`;
    case 'JOINING':
      return ': it is not ready yet, or waits for a place in the ring';
    case 'ACTIVE':
      return '';
  }
}
