import type { Clock } from '../base/clock.ts';
import type { Logger } from '../base/log.ts';
import type { Random } from '../base/random.ts';
import type { CoordinatorClient } from '../client/coordinator-client.ts';
import type { TopologyView } from '../client/topology-view.ts';
import type { ChannelPool } from '../rpc/channel-pool.ts';
import type { GrpcServer } from '../rpc/grpc-server.ts';
import type { DataFolder } from '../store/data-folder.ts';
import type { Metrics } from '../telemetry/metrics.ts';
import type { Announcement } from './announcement.ts';
import type { MetadataNode } from './metadata/metadata-node.ts';
import type { CoordinatorAuthority } from './metadata/replication/coordinator-authority.ts';
import type { NodeConfig } from './node-config.ts';
import type { ObjectNode } from './object/object-node.ts';
import type { ProcessWatch } from './process-watch.ts';

/** What a process is made from. */
export interface NodeModules {
  readonly clock: Clock;
  readonly random: Random;
  readonly log: Logger;
  readonly version: string;
}

/** A configuration that names its node. */
export type NamedConfig = NodeConfig & { readonly nodeId: string };

/** What the roles of a process share. */
export interface NodeParts extends NodeModules {
  readonly folder: DataFolder;
  /** Of this process. */
  readonly generationId: bigint;
  readonly channels: ChannelPool;
  readonly listener: GrpcServer;
  readonly view: TopologyView;
  /** Made at its first use: the address of a process's own coordinator is known only once it listens. */
  readonly client: () => CoordinatorClient;
  /** Loaded where somebody counts or reads them: the library costs memory and time at the start. */
  readonly metrics: () => Promise<Metrics>;
  /** What watches the calls between this process and object nodes. */
  readonly watch: ProcessWatch;
}

/** The metadata role, and what of it goes into heartbeats. */
export interface MetadataRole {
  readonly node: MetadataNode;
  readonly authority: CoordinatorAuthority;
  readonly announcement: Announcement;
}

/** What a frontend and the membership build on: the roles that the process may host beside them. */
export interface RoleParts extends NodeParts {
  readonly object: ObjectNode | undefined;
  readonly metadata: MetadataRole | undefined;
}
