import * as Flags from '@oclif/core/flags';
import { BaseCommand } from '../../cli/base-command.ts';
import { parseDuration } from '../../cli/parse-duration.ts';
import { parseSize } from '../../cli/parse-size.ts';
import { stratumVersion } from '../../cli/version.ts';
import type { Setting } from '../../node/setting.ts';

const text = (description: string, helpValue: string) => Flags.string({ description, helpValue });
const many = (description: string, helpValue: string) =>
  Flags.string({ description, helpValue, multiple: true, multipleNonGreedy: true });
const cluster = (description: string) => Flags.string({ description, helpValue: '<number>', helpGroup: 'NEW CLUSTER' });
const etcd = (description: string, helpValue: string) =>
  Flags.string({ description, helpValue, helpGroup: 'SEVERAL COORDINATORS' });
const duration = (description: string) => Flags.string({ description, helpValue: '<duration>', helpGroup: 'TIMING' });

/** `stratum node start` */
export default class NodeStart extends BaseCommand {
  static override id = 'node:start';
  static override summary = 'Run a node: one process with one role, several, or all';
  static override description =
    'Every flag can also be given as a STRATUM_* variable or in the YAML file of --config; a flag wins over a variable, a variable over the file. Runs until SIGTERM or SIGINT, then finishes requests in flight; a second signal ends it at once.';
  static override examples = [
    'stratum node start --role all --data-dir /var/lib/stratum',
    'stratum node start --role object --data-dir /srv/stratum --coordinator 10.0.0.1:7480',
    'stratum node start --config /etc/stratum/node.yaml',
    'stratum node start --role coordinator --id c1 --data-dir /var/lib/stratum --peers c1=127.0.0.1:2380,c2=127.0.0.1:2381,c3=127.0.0.1:2382',
  ];
  /** One flag for each row of src/node/settings.ts; a test compares them. Written out, because that table loads zod. */
  static override flags = {
    config: text('YAML file with settings.', '<file>'),
    id: text('Unique name of the node (default: kept in the data folder, else host name and roles).', '<name>'),
    role: many('What the process does: coordinator, object, metadata, frontend or all; may be repeated.', '<role>'),
    'data-dir': text('Folder of everything that the node keeps.', '<folder>'),
    listen: text('Address of the gRPC listener (default: 127.0.0.1:7480 for a coordinator).', '<host:port>'),
    advertise: text('Address under which others reach the gRPC listener.', '<host:port>'),
    'http-listen': text('Address of a frontend’s HTTP listener (default: 127.0.0.1:8480).', '<host:port>'),
    'metrics-listen': text('Address of the HTTP listener for Prometheus, /metrics (default: none).', '<host:port>'),
    coordinator: many('A coordinator; may be repeated (default: the process’s own).', '<host:port>'),
    label: many('key=value; "zone" guides placement; may be repeated.', '<key=value>'),
    weight: text('Share of the ring; 100 is an ordinary node.', '<number>'),
    'insecure-listen': Flags.boolean({
      description: 'Allow listeners beyond loopback, without authentication or TLS.',
    }),
    'log-level': Flags.string({
      description: 'Least level that is logged.',
      options: ['debug', 'info', 'warn', 'error'],
    }),
    'exit-with-parent': Flags.boolean({ description: 'End when standard input ends, for supervisors.' }),
    'free-bytes-min': text('Refuse writes when less is free on the disk (default: 256MiB).', '<size>'),
    'cache-bytes-max': text('Responses that frontends share on an object node (default: 8GiB; 0 for none).', '<size>'),
    'hints-bytes-max': text('Blobs that replicas missed and that are remembered for them (default: 16GiB).', '<size>'),
    'hints-age-max': text('How long that is remembered (default: 3h).', '<duration>'),
    durability: Flags.string({
      description: 'When a write of a blob is acknowledged (default: disk).',
      options: ['disk', 'quorum'],
    }),
    'create-on-push': Flags.boolean({
      description: 'Create repositories on first push (default: yes).',
      allowNo: true,
    }),
    'receive-pack-bytes-max': text('Largest pack that a push may bring (default: 16GiB).', '<size>'),
    'processes-max': text('git processes at once (default: 8).', '<number>'),
    'upload-pack-timeout': text('How long git may take for the response to one fetch (default: 30m).', '<duration>'),
    'pack-bytes-max': text('Responses to fetches that a frontend keeps (default: 16GiB; 0 for none).', '<size>'),
    'pack-entry-bytes-max': text('A larger response is not kept (default: 4GiB).', '<size>'),
    'pack-memory-bytes-max': text('What of them is in memory as well (default: 256MiB).', '<size>'),
    'pack-age-max': text('A response that nobody asked for in this time is dropped (default: 7d).', '<duration>'),
    'repository-bytes-max': text('Bare repositories that a frontend keeps (default: 64GiB).', '<size>'),
    warming: Flags.boolean({
      description: 'Prepare the response to the next shallow clone after a push (default: yes).',
      allowNo: true,
    }),
    maintenance: Flags.boolean({
      description: 'Repack repositories with many packs in the background (default: yes).',
      allowNo: true,
    }),
    partitions: cluster('Metadata partitions (default: 64).'),
    'replication-factor': cluster('On how many object nodes a blob is placed (default: 3).'),
    'metadata-replicas': cluster('On how many metadata nodes a partition is placed (default: 3).'),
    'write-quorum': cluster('How many durable copies acknowledge a write (default: more than half).'),
    'virtual-nodes': cluster('Positions on the ring of an ordinary node (default: 64).'),
    'bootstrap-expect-object': cluster('Object nodes that form the first ring.'),
    'bootstrap-expect-metadata': cluster('Metadata nodes that get the partitions.'),
    'heartbeat-interval': duration('Between two heartbeats (default: 10s).'),
    'suspect-timeout': duration('Without a heartbeat until SUSPECT (default: 30s).'),
    'down-timeout': duration('Without a heartbeat until DOWN (default: 60s).'),
    'detector-tick': duration('Between two looks of the failure detector (default: 1s).'),
    'leader-grace': duration('After an election: no node is marked worse (default: 30s).'),
    'metadata-lease': duration('How long a metadata primary may serve without acknowledgements (default: 3s).'),
    'joining-timeout': duration('From registration to first readiness (default: 5m).'),
    'leader-lease': duration('How long an etcd leader that is not heard keeps its leadership (default: 5s).'),
    'heartbeat-batch': duration('Least time between two writes of the heartbeats to the store (default: 1s).'),
    peers: etcd('Every coordinator’s etcd member, this one’s too; each coordinator runs one.', '<id=host:port,…>'),
    'etcd-peer-listen': etcd('Where the own member hears the others (default: as in --peers).', '<host:port>'),
    'etcd-client-listen': etcd('Loopback address for its coordinator (default: a free port).', '<host:port>'),
    'etcd-binary': etcd('The etcd program (default: the packed one, else the one on PATH).', '<file>'),
    'etcd-endpoints': etcd('An etcd cluster that is there already, instead of --peers.', '<url,…>'),
    'etcd-prefix': etcd('Where the keys of this cluster begin in it (default: /stratum/).', '<path>'),
    'etcd-username': etcd('User of that etcd.', '<name>'),
    'etcd-password-file': etcd('File with that user’s password.', '<file>'),
    'etcd-ca-file': etcd('Certificate of the authority that signed those of that etcd.', '<file>'),
    'etcd-cert-file': etcd('Certificate of this client.', '<file>'),
    'etcd-key-file': etcd('Private key of this client.', '<file>'),
  };

  override async run(): Promise<undefined> {
    const { flags } = await this.parse(NodeStart);
    const [{ loadNodeConfig }, { flagOf, settings }] = await Promise.all([
      import('../../node/node-config.ts'),
      import('../../node/settings.ts'),
    ]);
    const given: Readonly<Record<string, unknown>> = flags;
    const values = settings.map((setting) => {
      const flag = flagOf(setting.path);
      return [setting.path, settingValue(setting, given[flag], `--${flag}`)] as const;
    });
    const config = loadNodeConfig({ file: flags.config, env: this.io.env, flags: Object.fromEntries(values) });
    const { runNode } = await import('../../node/start.ts');
    // The node answers to signals itself, in the order of its parts and to the end.
    const giveBack = this.io.handleSignals(() => undefined);
    try {
      await runNode(config, stratumVersion);
    } finally {
      giveBack();
    }
    return undefined;
  }
}

/** The value of a flag as the configuration takes it: milliseconds, bytes, or what was typed. */
function settingValue({ path, kind }: Setting, value: unknown, flag: string): unknown {
  // Repeated pairs become the list of pairs that the configuration reads.
  if (kind === 'map' && Array.isArray(value)) return value.join(',');
  if (typeof value !== 'string') return value;
  if (path.endsWith('Ms')) return parseDuration(value, flag);
  return /[Bb]ytes(Min|Max)$/.test(path) ? parseSize(value, flag) : value;
}
