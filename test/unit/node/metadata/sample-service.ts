import { systemRandom } from '../../../../src/base/random.ts';
import type { MetadataHandlers } from '../../../../src/client/metadata-handlers.ts';
import { metadataHandlers, metadataService } from '../../../../src/node/metadata/metadata-service.ts';
import type { RemoteNames } from '../../../../src/node/metadata/remote-names.ts';
import type { CreateRepoRequest, Repo } from '../../../../src/rpc/gen/stratum/v1/metadata.ts';
import { inProcessPeer } from '../../../../src/rpc/handlers.ts';
import { partitionOf } from '../../../../src/topology/partitioning.ts';
import { type ManualClock, manualClock } from '../../base/manual-clock.ts';
import { recordingLog } from '../../base/recording-log.ts';
import { MemoryLogs, MemoryPartitions } from './memory-partitions.ts';
import { callsOf } from './sample-requests.ts';
import { type HeldTopology, heldTopology, metadataCluster } from './sample-topology.ts';

/** What a service is put together from where a test needs to say. */
export interface SampleServiceParts {
  readonly nodeId?: string;
  readonly topology?: HeldTopology;
  readonly clock?: ManualClock;
  /** Shared by the nodes of a cluster, and by a node with its next process. */
  readonly logs?: MemoryLogs;
  readonly names?: RemoteNames;
}

/** The metadata service of node "m1", the primary of four partitions in memory, with a clock that a test moves. */
export function sampleService(parts: SampleServiceParts = {}) {
  const { nodeId = 'm1', topology = heldTopology(metadataCluster({ m1: '127.0.0.1:7501' })) } = parts;
  const { clock = manualClock(1_700_000_000_000), logs = new MemoryLogs() } = parts;
  const log = recordingLog();
  const partitions = new MemoryPartitions({ nodeId }, { topology, clock, logs });
  const names = parts.names ?? namesOf(() => handlers);
  const modules = { partitions, refs: partitions.refs, names, random: systemRandom, clock, log };
  const handlers: MetadataHandlers = metadataHandlers(modules);
  const calls = callsOf(handlers);
  const newRepo = async (request: Partial<CreateRepoRequest> = {}): Promise<Repo> =>
    repoOf(await calls.createRepo({ name: 'team/app', ...request }));
  const service = metadataService(handlers);
  return { modules, handlers, service, calls, clock, log, topology, logs, partitions, newRepo };
}

/** The names of a cluster that is one node. */
function namesOf(handlers: () => MetadataHandlers): RemoteNames {
  const within = () => ({ signal: new AbortController().signal, peer: inProcessPeer });
  return {
    reserveName: (request) => handlers().reserveName(request, within()),
    releaseName: (request) => handlers().releaseName(request, within()),
    confirmName: (request) => handlers().confirmName(request, within()),
  };
}

/** The repository of an answer. */
export function repoOf({ repo }: { readonly repo?: Repo | undefined }): Repo {
  if (repo === undefined) throw new Error('the answer holds no repository');
  return repo;
}

/** The partitions of the sample topology. */
export const allPartitions = [0, 1, 2, 3];

/** A name that leads to a partition of the sample topology, another one for each number. */
export function nameIn(partition: number, number = 0): string {
  for (let at = 0, found = 0; ; at += 1) {
    const name = `team/n${at}`;
    if (partitionOf(name, allPartitions.length) !== partition) continue;
    if (found === number) return name;
    found += 1;
  }
}
