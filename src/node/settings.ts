import { z } from 'zod';
import { GiB, KiB, MiB } from '../base/units.ts';
import { durabilities } from '../store/durability.ts';
import { logLevels } from '../telemetry/log.ts';
import { nodeRoles } from '../topology/topology.ts';
import { cacheSettings } from './cache-settings.ts';
import { integer, milliseconds, type Setting, setting } from './setting.ts';

const address = z
  .string()
  .regex(/^(\[[0-9a-fA-F:.]+\]|[A-Za-z0-9._-]+):\d{1,5}$/, 'expected host:port')
  .refine((text) => Number(text.slice(text.lastIndexOf(':') + 1)) <= 65535, 'expected a port from 0 to 65535');
/** URLs stand in messages and logs, so that no password may stand in them. */
const etcdUrl = z
  .string()
  .regex(/^https?:\/\/[^/]+:\d{1,5}$/, 'expected http://host:port or https://host:port')
  .refine((text) => !text.includes('@'), {
    message: 'a user or password stands in a URL',
    params: { expected: 'http(s)://host:port alone, with --etcd-username and --etcd-password-file for the user' },
  });
const name = z.string().regex(/^[A-Za-z0-9._-]{1,128}$/, 'expected 1 to 128 characters of A-Z a-z 0-9 . _ -');

/**
 * The one table of node settings. The YAML file, STRATUM_* variables and flags are read by it;
 * docs/configuration.md is made from it. Defaults of timings are those of the contract.
 */
export const settings: readonly Setting[] = [
  setting(
    'nodeId',
    'text',
    name.optional(),
    undefined,
    'Unique name of the node. Default: the name kept in the data folder, else host name and roles.',
  ),
  setting(
    'roles',
    'list',
    z.array(z.enum(nodeRoles)).min(1),
    undefined,
    'What the process does: coordinator, object, metadata, frontend.',
  ),
  setting('dataDir', 'text', z.string().min(1), undefined, 'Folder of everything that the node keeps.'),
  setting(
    'listen',
    'text',
    address.optional(),
    undefined,
    'host:port of the gRPC listener. Default: 127.0.0.1:7480 for a coordinator, else 127.0.0.1 and a port chosen by the system.',
  ),
  setting(
    'advertise',
    'text',
    address.optional(),
    undefined,
    'host:port under which others reach the gRPC listener. Default: what it listens on.',
  ),
  setting('httpListen', 'text', address, '127.0.0.1:8480', 'host:port of a frontend’s HTTP listener.'),
  setting(
    'coordinators',
    'list',
    z.array(address),
    [],
    'host:port of the coordinators. Default: the process’s own, when it is one.',
  ),
  setting(
    'labels',
    'map',
    z.record(z.string().regex(/^[a-z][a-z0-9._/-]{0,62}$/), z.string().max(63)),
    {},
    'Free labels; zone guides placement.',
  ),
  setting('weight', 'integer', integer(1, 10_000), 100, 'Share of the ring; 100 is an ordinary node.'),
  setting(
    'insecureListen',
    'boolean',
    z.boolean(),
    false,
    'Allow listeners beyond loopback without authentication or TLS.',
  ),
  setting('logLevel', 'text', z.enum(logLevels), 'info', 'Least level that is logged: debug, info, warn, error.'),
  setting(
    'exitWithParent',
    'boolean',
    z.boolean(),
    false,
    'End when standard input ends; for processes that a supervisor started.',
  ),
  setting(
    'cluster.partitions',
    'integer',
    integer(1, 4096),
    64,
    'Metadata partitions; fixed when the cluster is created.',
  ),
  setting('cluster.replicationFactor', 'integer', integer(1, 16), 3, 'On how many object nodes a blob is placed (N).'),
  setting(
    'cluster.writeQuorum',
    'integer',
    integer(1, 16).optional(),
    undefined,
    'How many durable copies acknowledge a write (W). Default: more than half of N.',
  ),
  setting('cluster.virtualNodes', 'integer', integer(1, 1024), 512, 'Positions on the ring of a node with weight 100.'),
  setting(
    'cluster.bootstrapExpectObject',
    'integer',
    integer(1, 1000).optional(),
    undefined,
    'Object nodes that must be active before the ring is formed. Default: N.',
  ),
  setting(
    'cluster.bootstrapExpectMetadata',
    'integer',
    integer(1, 1000),
    1,
    'Metadata nodes that must be active before partitions are assigned.',
  ),
  setting(
    'cluster.metadataReplicas',
    'integer',
    integer(1, 9),
    3,
    'On how many metadata nodes a partition is placed, as far as there are so many.',
  ),
  setting('timings.heartbeatIntervalMs', 'integer', milliseconds, 10_000, 'Between two heartbeats of a node.'),
  setting('timings.suspectTimeoutMs', 'integer', milliseconds, 30_000, 'Without a heartbeat until a node is SUSPECT.'),
  setting('timings.downTimeoutMs', 'integer', milliseconds, 60_000, 'Without a heartbeat until a node is DOWN.'),
  setting(
    'timings.metadataLeaseMs',
    'integer',
    integer(100, 600_000),
    3_000,
    'How long a metadata primary may serve after its in-sync replicas have last acknowledged it; a new one waits as long.',
  ),
  setting('timings.detectorTickMs', 'integer', milliseconds, 1_000, 'Between two looks of the failure detector.'),
  setting('timings.leaderGraceMs', 'integer', milliseconds, 30_000, 'After an election: no node is marked worse.'),
  setting(
    'timings.joiningTimeoutMs',
    'integer',
    milliseconds,
    300_000,
    'How long a node may take from its registration to its first readiness.',
  ),
  setting(
    'timings.leaderLeaseMs',
    'integer',
    integer(2_000, 60_000),
    5_000,
    'How long an etcd leader that is not heard keeps its leadership.',
  ),
  setting(
    'timings.heartbeatBatchMs',
    'integer',
    milliseconds,
    1_000,
    'Least time between two writes of the heartbeats to the store.',
  ),
  setting(
    'etcd.endpoints',
    'list',
    z.array(etcdUrl),
    [],
    'URLs of an etcd cluster that is there already; the coordinators keep the topology in it.',
  ),
  setting(
    'etcd.prefix',
    'text',
    z.string().regex(/^\/[A-Za-z0-9._/-]{0,126}\/$/, 'expected a path that begins and ends with "/"'),
    '/stratum/',
    'Where the keys of this cluster begin in that etcd.',
  ),
  setting('etcd.username', 'text', z.string().min(1).optional(), undefined, 'User of that etcd.'),
  setting('etcd.passwordFile', 'text', z.string().min(1).optional(), undefined, 'File with that user’s password.'),
  setting(
    'etcd.caFile',
    'text',
    z.string().min(1).optional(),
    undefined,
    'PEM file of the authority that signed the certificates of that etcd. Default: the well-known ones.',
  ),
  setting('etcd.certFile', 'text', z.string().min(1).optional(), undefined, 'PEM file of the client’s certificate.'),
  setting('etcd.keyFile', 'text', z.string().min(1).optional(), undefined, 'PEM file of the client’s private key.'),
  setting(
    'etcd.peers',
    'map',
    z.record(name, address),
    {},
    'id=host:port of every coordinator’s etcd member, this one’s too: each coordinator runs one member of its own.',
  ),
  setting(
    'etcd.peerListen',
    'text',
    address.optional(),
    undefined,
    'host:port on which the own etcd member hears the others. Default: its address in etcd.peers.',
  ),
  setting(
    'etcd.clientListen',
    'text',
    address.optional(),
    undefined,
    'Loopback host:port on which the own etcd member hears its coordinator. Default: 127.0.0.1 and a free port.',
  ),
  setting(
    'etcd.binary',
    'text',
    z.string().min(1).optional(),
    undefined,
    'The etcd program. Default: the one packed into stratum, else the one on PATH.',
  ),
  setting(
    'metricsListen',
    'text',
    address.optional(),
    undefined,
    'host:port of the HTTP listener for Prometheus (/metrics). Default: none.',
  ),
  setting(
    'object.freeBytesMin',
    'integer',
    integer(0, 1024 * GiB),
    256 * MiB,
    'Writes are refused when less is free on the disk.',
  ),
  setting(
    'object.cacheBytesMax',
    'integer',
    integer(0, 1024 * GiB),
    8 * GiB,
    'Largest sum of the entries of the shared cache on this node; 0 for none. They give way when less than twice object.freeBytesMin, or than 128 MiB more, is free on the disk.',
  ),
  setting(
    'hints.bytesMax',
    'integer',
    integer(0, 1024 * GiB),
    16 * GiB,
    'Largest sum of the blobs that replicas missed and that a frontend remembers to copy to them; the oldest are forgotten first.',
  ),
  setting(
    'hints.ageMaxMs',
    'integer',
    milliseconds,
    3 * 3_600_000,
    'How long a frontend remembers that a replica missed a blob; after that repair finds it.',
  ),
  setting(
    'object.durability',
    'text',
    z.enum(durabilities),
    'disk',
    'When a write is acknowledged: `disk`, when it is on this node’s disk; `quorum`, before that: faster, but after a crash of the machine the node has to start anew with an empty data folder.',
  ),
  setting('git.createOnPush', 'boolean', z.boolean(), true, 'The first push to a name creates the repository.'),
  setting(
    'git.receivePackBytesMax',
    'integer',
    integer(KiB, 1024 * GiB),
    16 * GiB,
    'Largest pack that a push may bring.',
  ),
  setting('git.processesMax', 'integer', integer(1, 1024), 8, 'git processes at once.'),
  ...cacheSettings,
];

/** The environment variable of a setting: cluster.replicationFactor is STRATUM_CLUSTER_REPLICATION_FACTOR. */
export function variableOf(path: string): string {
  return `STRATUM_${path
    .replaceAll('.', '_')
    .replaceAll(/([a-z])([A-Z])/g, '$1_$2')
    .toUpperCase()}`;
}

/** The flag of a setting: cluster.replicationFactor is --replication-factor; nodeId is --id and roles is --role. */
export function flagOf(path: string): string {
  const special: Readonly<Record<string, string>> = {
    nodeId: 'id',
    roles: 'role',
    coordinators: 'coordinator',
    labels: 'label',
    'etcd.endpoints': 'etcd-endpoints',
    'etcd.binary': 'etcd-binary',
    'etcd.prefix': 'etcd-prefix',
    'etcd.username': 'etcd-username',
    'etcd.passwordFile': 'etcd-password-file',
    'etcd.caFile': 'etcd-ca-file',
    'etcd.certFile': 'etcd-cert-file',
    'etcd.keyFile': 'etcd-key-file',
    'etcd.peerListen': 'etcd-peer-listen',
    'etcd.clientListen': 'etcd-client-listen',
    'hints.bytesMax': 'hints-bytes-max',
    'hints.ageMaxMs': 'hints-age-max',
    'maintenance.enabled': 'maintenance',
  };
  const last = path.slice(path.lastIndexOf('.') + 1);
  return (
    special[path] ??
    last
      .replace(/Ms$/, '')
      .replaceAll(/([a-z])([A-Z])/g, '$1-$2')
      .toLowerCase()
  );
}
