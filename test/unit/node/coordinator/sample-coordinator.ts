import { StratumError } from '../../../../src/base/errors.ts';
import type { Consensus } from '../../../../src/consensus/consensus.ts';
import { EmbeddedConsensus } from '../../../../src/consensus/embedded-consensus.ts';
import { MemoryTopologyStore } from '../../../../src/consensus/memory-topology-store.ts';
import type { CoordinatorServiceModules } from '../../../../src/node/coordinator/coordinator-service.ts';
import { HeartbeatTable } from '../../../../src/node/coordinator/heartbeat-table.ts';
import { PartitionKeeper } from '../../../../src/node/coordinator/partition-keeper.ts';
import { defaultRateLimits, RateLimits } from '../../../../src/node/coordinator/rate-limits.ts';
import type { CallContext } from '../../../../src/rpc/handlers.ts';
import { Metrics } from '../../../../src/telemetry/metrics.ts';
import type { TopologyCommand } from '../../../../src/topology/commands.ts';
import type { Topology } from '../../../../src/topology/topology.ts';
import { manualClock } from '../../base/manual-clock.ts';
import { recordingLog } from '../../base/recording-log.ts';
import { delegatingConsensus } from '../../consensus/delegating-consensus.ts';
import { emptyCluster } from '../../topology/sample-cluster.ts';

/** A call that nobody gives up. */
export const call: CallContext = { signal: new AbortController().signal, peer: '127.0.0.1' };

/** A started consensus, in memory, that has applied the commands. */
export async function sampleConsensus(
  commands: readonly TopologyCommand[] = [],
  options: { readonly topology?: Topology; readonly historyMax?: number } = {},
): Promise<EmbeddedConsensus> {
  const consensus = new EmbeddedConsensus(
    {
      nodeId: 'coordinator-1',
      address: () => '127.0.0.1:7480',
      initialTopology: () => options.topology ?? emptyCluster(),
      ...(options.historyMax === undefined ? {} : { historyMax: options.historyMax }),
    },
    { store: new MemoryTopologyStore(), log: recordingLog() },
  );
  await consensus.start(call.signal);
  for (const command of commands) await consensus.propose(command);
  return consensus;
}

/** What the RPCs of a leading coordinator work with; its clock stands still until it is advanced. */
export async function sampleCoordinator(
  commands: readonly TopologyCommand[] = [],
  options: { readonly topology?: Topology; readonly historyMax?: number } = {},
) {
  const clock = manualClock();
  const log = recordingLog();
  const stopping = new AbortController();
  const consensus = await sampleConsensus(commands, options);
  const metrics = new Metrics();
  const heartbeats = new HeartbeatTable({ clock });
  const onChange = () => undefined;
  const modules = {
    nodeId: 'coordinator-1',
    consensus,
    heartbeats,
    partitions: new PartitionKeeper({ detectorTickMs: 250 }, { consensus, heartbeats, onChange, clock, log }),
    stopping: stopping.signal,
    clock,
    log,
    limits: new RateLimits(defaultRateLimits, { clock, metrics }),
    metrics,
  } satisfies CoordinatorServiceModules;
  return { modules, stop: () => stopping.abort(new StratumError('SHUTTING_DOWN', 'stops')) };
}

/** The same copy of the topology at a coordinator that does not lead; nobody leads when no id is given. */
export function follower(consensus: Consensus, leader: { readonly id: string; readonly address: string } | undefined) {
  const refuse = () => Promise.reject(new StratumError('NOT_LEADER', 'another one leads', {}));
  return delegatingConsensus(consensus, {
    leadership: () => ({ leaderId: leader?.id, leaderAddress: leader?.address, term: 4n, isLeader: false }),
    propose: refuse,
    confirmLeadership: refuse,
    transfer: refuse,
    saveHeartbeats: refuse,
    addMember: refuse,
    removeMember: refuse,
  });
}

export const otherLeader = { id: 'coordinator-2', address: '127.0.0.1:7481' };
