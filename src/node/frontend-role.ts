import { join } from 'node:path';
import { StratumError } from '../base/errors.ts';
import type { Lifecycle } from '../base/lifecycle.ts';
import { MetadataClient } from '../client/metadata-client.ts';
import type { NodeDirectory } from '../replication/node-directory.ts';
import type { ObjectApi, SmallObjectApi } from '../replication/object-api.ts';
import { QuorumObjects } from '../replication/quorum-objects.ts';
import type { GapSink } from '../replication/replica-gaps.ts';
import { RingSharedCache } from '../replication/shared-cache/ring-shared-cache.ts';
import { TopologyNodeDirectory } from '../replication/topology-node-directory.ts';
import { FrontendServiceService } from '../rpc/gen/stratum/v1/frontend.ts';
import type { Topology } from '../topology/topology.ts';
import { exposeBreakers } from './expose-connections.ts';
import { exposeHints, hintMetrics } from './expose-hints.ts';
import type { Frontend } from './frontend/frontend.ts';
import type { FrontendControl } from './frontend/frontend-control.ts';
import { exposeFrontend, frontendMetrics } from './frontend/frontend-metrics.ts';
import { hedgeMetrics } from './hedge-metrics.ts';
import { MeteredObjects } from './metered-objects.ts';
import { splitAddress } from './node-config.ts';
import type { NamedConfig, NodeParts, RoleParts } from './node-parts.ts';
import { nodeWatchers, type ProcessWatch } from './process-watch.ts';

/** Adds the operators' service to the listener, which starts before the frontend. */
export async function addFrontendService(
  { nodeId }: NamedConfig,
  { listener }: NodeParts,
  current: () => Frontend | undefined,
): Promise<void> {
  const { frontendService } = await import('./frontend/frontend-service.ts');
  listener.add(FrontendServiceService, frontendService({ nodeId, control: lateControl(current) }));
}

/** Builds and starts the frontend role of a process. */
export async function startFrontend(config: NamedConfig, lifecycle: Lifecycle, parts: RoleParts): Promise<Frontend> {
  const { clock, random, log, version, folder, view, channels, metadata, watch } = parts;
  const { nodeId } = config;
  const nodes = await startNodeDirectory(lifecycle, parts);
  const localMetadata = (id: string) => (id === nodeId ? metadata?.node.handlers : undefined);
  const gaps = await startHints(config, lifecycle, parts, nodes);
  const readObserver = watch.metrics === undefined ? undefined : hedgeMetrics(watch.metrics);
  const objects = new QuorumObjects({}, { clock, topology: view, nodes, gaps, readObserver });
  const traceparent = watch.tracing === undefined ? undefined : () => watch.tracing?.traceparent();
  const local = parts.object === undefined ? undefined : { nodeId, node: parts.object.inProcessCache };
  const shared = new RingSharedCache({}, { clock, random, log, topology: view, traceparent, local });
  await lifecycle.start({ name: 'shared cache', stop: async () => shared.close() });
  const { Frontend } = await import('./frontend/frontend.ts');
  const frontend = new Frontend(
    {
      ...splitAddress(config.httpListen),
      nodeId,
      cacheDir: join(folder.path, 'cache'),
      version,
      createOnPush: config.git.createOnPush,
      receivePackBytesMax: config.git.receivePackBytesMax,
      gitProcessesMax: config.git.processesMax,
      uploadPackTimeoutMs: config.git.uploadPackTimeoutMs,
      cache: config.cache,
      maintenance: config.maintenance.enabled,
    },
    {
      clock,
      random,
      log,
      objects: meteredWhereWatched(objects, watch),
      shared,
      observer: watch.metrics === undefined ? undefined : frontendMetrics(watch.metrics),
      metadata: new MetadataClient({}, { clock, random, topology: view, channels, local: localMetadata }),
      ready: () => isServing(view.current()),
    },
  );
  await lifecycle.start(frontend);
  if (watch.metrics !== undefined) exposeFrontend(watch.metrics, frontend.operations);
  return frontend;
}

/** The object nodes as this process calls them. */
async function startNodeDirectory(lifecycle: Lifecycle, parts: RoleParts): Promise<TopologyNodeDirectory> {
  const { random, view, channels, object, watch } = parts;
  const local = object?.inProcess;
  const modules = { topology: view, pool: channels, random, local };
  const nodes = new TopologyNodeDirectory({ ...modules, ...nodeWatchers(watch) });
  await lifecycle.start({ name: 'object nodes', stop: async () => nodes.close() });
  if (watch.metrics !== undefined) exposeBreakers(watch.metrics, nodes);
  return nodes;
}

function meteredWhereWatched(objects: QuorumObjects, { metrics }: ProcessWatch): ObjectApi & SmallObjectApi {
  return metrics === undefined ? objects : new MeteredObjects({ inner: objects, metrics });
}

/** Remembers what replicas miss, and brings it to them when they are back. */
async function startHints(
  config: NamedConfig,
  lifecycle: Lifecycle,
  { clock, random, log, folder, view, watch: { metrics } }: NodeParts,
  nodes: NodeDirectory,
): Promise<GapSink> {
  const { HintLog } = await import('../replication/hints/hint-log.ts');
  const { HintReplay } = await import('../replication/hints/hint-replay.ts');
  const observer = metrics === undefined ? undefined : hintMetrics(metrics);
  const hints = new HintLog({ path: join(folder.path, 'hints'), ...config.hints }, { clock, log, observer });
  await lifecycle.start(hints);
  if (metrics !== undefined) exposeHints(metrics, hints);
  await lifecycle.start(new HintReplay({}, { hints, topology: view, nodes, clock, random, log }));
  return hints;
}

/** Operators' questions before the frontend is there: NOT_READY, and its own answers from then on. */
function lateControl(current: () => Frontend | undefined): FrontendControl {
  const control = () => {
    const frontend = current();
    if (frontend !== undefined) return frontend.operations;
    throw new StratumError('NOT_READY', 'the frontend has not started yet', { what: 'frontend' });
  };
  return {
    stats: () => control().stats(),
    explain: (question, signal) => control().explain(question, signal),
    warm: (question, signal) => control().warm(question, signal),
    purge: (request, signal) => control().purge(request, signal),
    maintain: (request, signal) => control().maintain(request, signal),
  };
}

/** A frontend can serve once blobs and repositories have a place. */
function isServing(topology: Topology | undefined): boolean {
  return topology !== undefined && topology.ring.epoch > 0n && topology.partitions.every(({ epoch }) => epoch > 0n);
}
