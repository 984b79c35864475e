import { join } from 'node:path';
import { systemClock } from '../base/clock.ts';
import { explain } from '../base/errors.ts';
import { Lifecycle, type Part } from '../base/lifecycle.ts';
import { systemRandom } from '../base/random.ts';
import { CoordinatorClient } from '../client/coordinator-client.ts';
import { MetadataClient } from '../client/metadata-client.ts';
import { TopologyView } from '../client/topology-view.ts';
import { ChannelPool } from '../rpc/channel-pool.ts';
import { MetadataServiceService, ReplicationServiceService } from '../rpc/gen/stratum/v1/metadata.ts';
import { GrpcServer } from '../rpc/grpc-server.ts';
import { receivedBytesMaxOf } from '../rpc/limits.ts';
import { objectServiceDefinition } from '../rpc/object-service-definition.ts';
import { observedHttp } from '../rpc/observed-http.ts';
import { observedService } from '../rpc/observed-service.ts';
import { smallBlobServices } from '../rpc/small-blob-services.ts';
import { traceparentInterceptor } from '../rpc/traceparent-interceptor.ts';
import { DataFolder } from '../store/data-folder.ts';
import { assertStoreKept, noteStore } from '../store/kept-store.ts';
import { createLog } from '../telemetry/log.ts';
import type { Tracing } from '../telemetry/tracing.ts';
import type { NodeRegistration } from '../topology/topology.ts';
import { Announcement } from './announcement.ts';
import type { CoordinatorNode } from './coordinator/coordinator.ts';
import { buildConsensus } from './coordinator-consensus.ts';
import { exposePool } from './expose-connections.ts';
import { exposeStore, storeMetrics } from './expose-store.ts';
import { exposeTopology } from './expose-topology.ts';
import type { Frontend } from './frontend/frontend.ts';
import { addFrontendService, startFrontend } from './frontend-role.ts';
import { handoverPart } from './handover-part.ts';
import { keptNodeId } from './kept-node-id.ts';
import { Membership } from './membership.ts';
import { defaultNodeId, type NodeConfig, splitAddress } from './node-config.ts';
import type { MetadataRole, NamedConfig, NodeModules, NodeParts, RoleParts } from './node-parts.ts';
import { nodeStats, type StatsSources } from './node-stats.ts';
import type { ObjectNode } from './object/object-node.ts';
import { objectServiceObservers } from './process-watch.ts';
import { shutdownSignal } from './shutdown-signal.ts';

/** A process that serves. */
export interface RunningNode {
  /** Rejects when the cluster refuses the process for good; otherwise it never settles. */
  readonly refused: Promise<never>;
}

/** Runs a process until a signal, or until the cluster refuses it; rejects when it cannot start or stop. */
export async function runNode(config: NodeConfig, version: string): Promise<void> {
  const nodeId = config.nodeId ?? (await keptNodeId(config.dataDir)) ?? defaultNodeId(config.roles);
  const log = createLog({ level: config.logLevel, fields: { node: nodeId }, pretty: process.stderr.isTTY === true });
  const ending = shutdownSignal({ withParent: config.exitWithParent }, { log });
  const lifecycle = new Lifecycle(systemClock);
  const { promise: asked, resolve: stopNow } = Promise.withResolvers<void>();
  ending.addEventListener('abort', () => stopNow(), { once: true });
  if (ending.aborted) return;
  const modules = { clock: systemClock, random: systemRandom, log, version };
  const starting = startNode({ ...config, nodeId }, lifecycle, modules);
  try {
    const running = await Promise.race([starting, asked]);
    if (running !== undefined) await Promise.race([running.refused, asked]);
  } finally {
    starting.catch(() => undefined); // A start that a signal interrupted fails; the signal is the reason that counts.
    await lifecycle.stop();
  }
  log.info({}, 'stopped');
}

/**
 * Builds a process from its configuration and starts its parts in the given lifecycle. The code of a
 * role is loaded only where it is hosted: each is some ten megabytes of memory.
 */
export async function startNode(config: NamedConfig, lifecycle: Lifecycle, modules: NodeModules): Promise<RunningNode> {
  const { clock, random, log } = modules;
  const { roles } = config;
  const folder = await openFolder(config, lifecycle, modules);
  const tracing = await startTracing(config, lifecycle, modules);
  const interceptors = tracing === undefined ? [] : [traceparentInterceptor(() => tracing.traceparent())];
  const channels = new ChannelPool({}, { clock, interceptors });
  await lifecycle.start({ name: 'channels', stop: async () => channels.close() });
  // Whoever connects can have such a message held in memory many times over.
  const receivedBytesMax = receivedBytesMaxOf(roles);
  const listener = new GrpcServer({ ...splitAddress(config.listen), receivedBytesMax });
  const address = () => config.advertise ?? listener.address;
  const client = lazily(() => {
    const endpoints = config.coordinators.length > 0 ? config.coordinators : [address()];
    return new CoordinatorClient({ endpoints }, { channels, clock, random });
  });
  const view = new TopologyView(
    { cacheFile: join(folder.path, 'topology.cache') },
    { feed: { watchTopology: (since, signal) => client().watchTopology(since, signal) }, clock, random, log },
  );
  const metrics = lazily(async () => new (await import('../telemetry/metrics.ts')).Metrics());
  const watch = { clock, tracing, metrics: config.metricsListen === undefined ? undefined : await metrics() };
  const generationId = await folder.nextGeneration();
  const parts: NodeParts = { ...modules, folder, generationId, channels, listener, view, client, metrics, watch };

  const object = roles.includes('object') ? await startObject(config, lifecycle, parts) : undefined;
  const metadata = roles.includes('metadata') ? await startMetadata(config, lifecycle, parts) : undefined;
  const coordinator = roles.includes('coordinator')
    ? await buildCoordinator(config, lifecycle, { ...parts, address })
    : undefined;
  if (coordinator !== undefined) listener.add(coordinator.definition, coordinator.service);
  let frontend: Frontend | undefined;
  if (roles.includes('frontend')) await addFrontendService(config, parts, () => frontend);
  await lifecycle.start(listener);
  if (coordinator !== undefined) await lifecycle.start(coordinator);
  await lifecycle.start(view);
  if (config.metricsListen !== undefined) await startMetrics(config.metricsListen, lifecycle, parts);
  if (roles.includes('frontend')) frontend = await startFrontend(config, lifecycle, { ...parts, object, metadata });

  const registration: NodeRegistration = {
    id: config.nodeId,
    generationId,
    roles,
    address: address(),
    httpUrl: frontend?.url ?? '',
    labels: labelsOf(config),
    weight: config.weight,
    diskId: folder.diskId,
    softwareVersion: modules.version,
    capacityBytes: BigInt((await object?.stats())?.capacityBytes ?? 0),
  };
  // Before the membership in the order of starts: its stop comes after the word that this process ends.
  if (metadata !== undefined) await lifecycle.start(handoverPart(metadata.node, { clock }));
  const { refused } = await joinCluster(registration, lifecycle, { ...parts, object, metadata, frontend });
  listener.setServing(true);
  if (config.insecureListen) log.warn({ listen: config.listen }, 'listening without authentication or TLS');
  const { address: grpc, httpUrl } = registration;
  log.info({ roles, address: grpc, httpUrl, version: modules.version }, 'started');
  return { refused };
}

/** The labels of a process, and among them what its acknowledgements are worth where that is less than usual. */
function labelsOf({ roles, labels, object: { durability } }: NamedConfig): NodeConfig['labels'] {
  return roles.includes('object') && durability !== 'disk' ? { ...labels, 'stratum.durability': durability } : labels;
}

async function openFolder(
  config: NamedConfig,
  lifecycle: Lifecycle,
  { clock, random, log }: NodeModules,
): Promise<DataFolder> {
  const folder = await DataFolder.open({ path: config.dataDir, nodeId: config.nodeId }, { clock, random });
  // Without the proof a metadata node only has to catch up first.
  const noProof = (error: unknown) => log.warn({ error: explain(error) }, 'no proof of a clean stop was left');
  await lifecycle.start({ name: 'data folder', stop: () => folder.close().catch(noProof) });
  return folder;
}

/** Traces are for those who name a collector: the SDK is not even loaded for others. */
async function startTracing(
  { nodeId }: NamedConfig,
  lifecycle: Lifecycle,
  { clock, log, version }: NodeModules,
): Promise<Tracing | undefined> {
  if ((process.env.OTEL_EXPORTER_OTLP_ENDPOINT ?? '') === '') return undefined;
  const { Tracing } = await import('../telemetry/tracing.ts');
  const tracing = new Tracing({ nodeId, version }, { clock, log });
  await lifecycle.start(tracing);
  return tracing;
}

async function startObject(config: NamedConfig, lifecycle: Lifecycle, parts: NodeParts): Promise<ObjectNode> {
  const { clock, random, log, folder, listener, view, watch } = parts;
  const { metrics } = watch;
  const { ObjectNode } = await import('./object/object-node.ts');
  const object = new ObjectNode(
    { nodeId: config.nodeId, path: join(folder.path, 'object'), ...config.object },
    { clock, random, log, topology: view, ...(metrics === undefined ? {} : { observer: storeMetrics(metrics) }) },
  );
  await lifecycle.start(object);
  if (metrics !== undefined) exposeStore(metrics, object);
  const observers = objectServiceObservers(watch);
  listener.add(objectServiceDefinition, observedService(objectServiceDefinition, object.service, observers));
  listener.serveHttp(observedHttp(object.http, observers));
  listener.serveStreams(smallBlobServices(object.streams, observers));
  return object;
}

async function startMetadata(config: NamedConfig, lifecycle: Lifecycle, parts: NodeParts): Promise<MetadataRole> {
  const { clock, random, log, folder, generationId, listener, view, channels, client } = parts;
  const { nodeId } = config;
  const { MetadataNode } = await import('./metadata/metadata-node.ts');
  const { CoordinatorAuthority } = await import('./metadata/replication/coordinator-authority.ts');
  const { GrpcReplicaPeers } = await import('./metadata/replication/grpc-replica-peers.ts');
  assertStoreKept(folder.path, 'metadata');
  const announcement = new Announcement();
  const authority = new CoordinatorAuthority({ nodeId }, { client, onSilent: () => announcement.make() });
  const peers = new GrpcReplicaPeers({ topology: view, channels, clock });
  // A renamed repository's names are in two partitions: the primary of one asks that of the other.
  const names = new MetadataClient({}, { clock, random, topology: view, channels });
  const node = new MetadataNode(
    { nodeId, generationId, path: join(folder.path, 'metadata') },
    { clock, random, log, topology: view, peers, authority, names },
  );
  await lifecycle.start(node);
  await noteStore(folder.path, 'metadata');
  listener.add(MetadataServiceService, node.service);
  listener.add(ReplicationServiceService, node.replicationService);
  return { node, authority, announcement };
}

async function buildCoordinator(
  config: NamedConfig,
  lifecycle: Lifecycle,
  parts: NodeParts & { readonly address: () => string },
): Promise<CoordinatorNode> {
  const { clock, log, folder } = parts;
  const { CoordinatorNode } = await import('./coordinator/coordinator.ts');
  const startPart = (part: Part) => lifecycle.start(part);
  const place = { folder: folder.path, hasJoinedBefore: folder.clusterId !== undefined };
  const consensus = await buildConsensus(config, { ...parts, ...place, startPart });
  const metrics = await parts.metrics();
  return new CoordinatorNode({ nodeId: config.nodeId, ...config.timings }, { consensus, metrics, clock, log });
}

async function startMetrics(listen: string, lifecycle: Lifecycle, parts: NodeParts): Promise<void> {
  const { view, log, channels } = parts;
  const metrics = await parts.metrics();
  exposeTopology(metrics, view);
  exposePool(metrics, channels);
  const { MetricsListener } = await import('../telemetry/metrics-listener.ts');
  const listener = new MetricsListener(splitAddress(listen), { metrics });
  await lifecycle.start(listener);
  log.info({ url: listener.url }, 'metrics for Prometheus');
}

/** Tells the cluster of this process from now on; what comes back tells whether it was refused for good. */
async function joinCluster(
  registration: NodeRegistration,
  lifecycle: Lifecycle,
  parts: RoleParts & { readonly frontend: Frontend | undefined },
): Promise<{ readonly refused: Promise<never> }> {
  const { clock, random, log, folder, view, client, metadata } = parts;
  const refused = Promise.withResolvers<never>();
  refused.promise.catch(() => undefined); // Whoever runs the process decides what a refusal means.
  const membership = new Membership(
    { registration, clusterId: folder.clusterId, afterCleanStop: folder.wasCleanlyStopped },
    {
      client: client(),
      view,
      clock,
      random,
      log,
      ready: () => view.current() !== undefined,
      stats: nodeStats(statsSources(parts), { clock }),
      silentPrimaries: () => metadata?.authority.silent ?? [],
      onRegistered: ({ clusterId }) => {
        folder.bindCluster(clusterId).catch((error: unknown) => refused.reject(error));
      },
      onRefused: (error) => refused.reject(error),
    },
  );
  metadata?.announcement.madeBy(() => membership.announce());
  // The first topology makes the process ready: the cluster is to hear of it at once.
  const ended = view.subscribe(() => {
    ended();
    membership.announce();
  });
  await lifecycle.start(membership);
  return { refused: refused.promise };
}

function statsSources({
  object,
  metadata,
  frontend,
}: RoleParts & { readonly frontend: Frontend | undefined }): StatsSources {
  return {
    ...(object === undefined ? {} : { object: () => object.stats() }),
    ...(metadata === undefined ? {} : { metadata: async () => ({ repoCount: metadata.node.repoCount() }) }),
    ...(frontend === undefined ? {} : { frontend: () => frontend.counters }),
  };
}

function lazily<T>(make: () => T): () => T {
  let made: T | undefined;
  return () => {
    made ??= make();
    return made;
  };
}
