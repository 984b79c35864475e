import { describe, expect, it } from 'vitest';
import { judgeCluster } from '../../../src/cli/cluster-verdict.ts';
import type { CoordinatorReport, CoordinatorSurvey } from '../../../src/cli/connection.ts';
import type { NodeState, Topology } from '../../../src/topology/topology.ts';
import { sampleReport } from './fake-cluster.ts';
import { partitionTopology, samplePartition } from './sample-partitions.ts';
import { sampleTopology } from './sample-topology.ts';

const formed = sampleTopology();
const states = (changed: Record<string, NodeState>) => sampleTopology(changed);
const reports = (changes: Partial<CoordinatorReport> = {}) => [1, 2, 3].map((each) => sampleReport(each, changes));
const away = (number: number, answers = false) => ({ node: `coordinator-${number}`, reason: 'refused', answers });
const survey = (
  topology: Topology | undefined = formed,
  changes: Partial<CoordinatorSurvey> = {},
): CoordinatorSurvey => ({ reports: reports(), silent: [], topology, ...changes });

const [first = sampleReport(1)] = reports();
const lacksMember = first.members.map((member, index) =>
  index === 2 ? { ...member, reachable: false, error: 'timed out' } : member,
);
const fewerInSync = formed.partitions.map((partition) => ({ ...partition, replicas: ['metadata-1', 'metadata-2'] }));

describe('the verdict on a cluster', () => {
  const cases: readonly [string, CoordinatorSurvey, string, RegExp][] = [
    ['all is well', survey(), 'healthy', /^$/],
    [
      'one coordinator does not answer',
      survey(formed, { reports: reports().slice(0, 2), silent: [away(3)] }),
      'degraded',
      /^the coordinator coordinator-3 does not answer: refused$/,
    ],
    [
      'a member of the consensus does not answer',
      survey(formed, { reports: reports({ members: lacksMember }) }),
      'degraded',
      /consensus member coordinator-3 does not answer: timed out/,
    ],
    [
      'one coordinator is cut off from the consensus',
      survey(formed, { reports: [...reports().slice(0, 2), sampleReport(3, { hasQuorum: false })] }),
      'degraded',
      /coordinator-3 sees no quorum, others do/,
    ],
    [
      'the copy of one coordinator is old',
      survey(formed, { reports: [...reports().slice(0, 2), sampleReport(3, { ageMs: 61_000 })] }),
      'degraded',
      /topology of coordinator-3 is 61 s old/,
    ],
    [
      'etcd refuses changes for want of space',
      survey(formed, { reports: reports({ alarms: ['alarm:NOSPACE'] }) }),
      'no-quorum',
      /^the etcd consensus refuses every change: alarm:NOSPACE/,
    ],
    [
      'whoever answers sees no quorum',
      survey(formed, { reports: [sampleReport(3, { hasQuorum: false })], silent: [away(1), away(2)] }),
      'no-quorum',
      /^the etcd consensus has no quorum.*coordinator-1 does not answer/,
    ],
    [
      'nobody leads',
      survey(formed, { reports: reports({ leaderId: undefined, isLeader: false }) }),
      'no-quorum',
      /no coordinator leads/,
    ],
    [
      'a coordinator answers and has no topology',
      { reports: [], silent: [away(1, true), away(2)], topology: undefined },
      'no-quorum',
      /no coordinator has a topology.*coordinator-1 answers and cannot report/,
    ],
    [
      'nobody answers',
      { reports: [], silent: [away(1), away(2)], topology: undefined },
      'unknown',
      /^no coordinator answers/,
    ],
    [
      'the topology could not be read although the quorum holds',
      { ...survey(), topology: undefined },
      'unknown',
      /the topology could not be read/,
    ],
    ['a node is late', survey(states({ 'frontend-1': 'SUSPECT' })), 'degraded', /frontend-1 is SUSPECT: .* late/],
    [
      'ranges are below N',
      survey(states({ 'object-1': 'DOWN' })),
      'degraded',
      /24 of 24 ranges of the ring have fewer than 3/,
    ],
    [
      'ranges are below W',
      survey(states({ 'object-1': 'DOWN', 'object-2': 'DOWN' })),
      'no-quorum',
      /^24 of 24 ranges of the ring have fewer than 2/,
    ],
    [
      'partitions have no primary',
      survey(states({ 'metadata-1': 'DOWN' })),
      'no-quorum',
      /^2 of 2 partitions have no primary that serves/,
    ],
    [
      'partitions have one of two in-sync replicas left',
      survey(
        partitionTopology([samplePartition(0, [1, 2], [1, 2, 3]), samplePartition(1, [3])], { 'metadata-2': 'DOWN' }),
      ),
      'no-quorum',
      /^(?!.*no primary).*1 of 2 partitions have fewer than two of their in-sync replicas/,
    ],
    [
      'partitions have fewer replicas in sync',
      survey(sampleTopology({}, { partitions: fewerInSync })),
      'degraded',
      /2 of 2 partitions have fewer replicas in sync/,
    ],
    [
      'the ring is not formed',
      survey(sampleTopology({}, { ring: { ...formed.ring, epoch: 0n, nodes: [] } })),
      'no-quorum',
      /ring is not formed/,
    ],
    ['partitions are not assigned', survey(sampleTopology({}, { partitions: [] })), 'no-quorum', /not assigned/],
  ];
  it.each(cases)('when %s', (_what, seen, verdict, reasons) => {
    const judged = judgeCluster(seen);
    expect(judged.findings.map(({ reason }) => reason).join('; ')).toMatch(reasons);
    expect(judged.verdict).toBe(verdict);
    for (const { command } of judged.findings) expect(command).toMatch(/^stratum /);
  });
});
