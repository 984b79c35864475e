import * as Args from '@oclif/core/args';
import * as Flags from '@oclif/core/flags';
import { formatBytes } from '../../base/units.ts';
import { ClusterCommand } from '../../cli/cluster-command.ts';
import { replicasOf } from '../../cli/locate/replica.ts';
import { consistencyLevels, parseLevel } from '../../cli/parse-level.ts';
import { withBlobSource } from '../../cli/with-blob-source.ts';

/** `stratum object put` */
export default class ObjectPut extends ClusterCommand {
  static override id = 'object:put';
  static override summary = 'Store a file as a blob, and print its id';
  static override examples = [
    'stratum object put backup.tar',
    'tar c src | stratum object put - --field oid',
    'stratum object put backup.tar --level all',
  ];
  static override args = {
    file: Args.string({ description: 'the file; - for stdin', required: true, ignoreStdin: true }),
  };
  static override flags = {
    level: Flags.string({
      description: 'How many replicas must have it on disk.',
      options: consistencyLevels,
      default: 'quorum',
    }),
    'dry-run': Flags.boolean({ description: 'Print the id and its nodes, and store nothing.' }),
  };

  override async run(): Promise<undefined> {
    const { args, flags } = await this.parse(ObjectPut);
    const level = parseLevel(flags.level);
    const signal = this.io.interrupted;
    const { source, item } = await withBlobSource(args.file, this.io, (blob) =>
      this.withCluster(flags, async (cluster) => {
        const snapshot = await cluster.snapshot();
        const placed = replicasOf(snapshot.topology, blob.oid);
        const found = { oid: blob.oid, size: blob.size, ringEpoch: snapshot.topology.ring.epoch };
        if (flags['dry-run']) return { source: snapshot.source, item: { ...found, ...notStored(placed) } };
        await this.announceChange(flags, cluster);
        const outcome = await (await cluster.objects()).put(blob, { level, signal });
        // The blob is durable already; the file must stay until the slower replicas have read it.
        const settled = await outcome.settled;
        const errors = new Map(settled.failures.map(({ nodeId, error }) => [nodeId, error.message]));
        const replicas = placed.map(({ nodeId, address }) => {
          const error = errors.get(nodeId) ?? '';
          return { nodeId, address, stored: error === '', error };
        });
        const { required } = outcome;
        const counts = { required, achieved: settled.succeeded, degraded: settled.failures.length > 0 };
        return { source: snapshot.source, item: { ...found, ...counts, replicas } };
      }),
    );
    await this.print({
      kind: 'Blob',
      source,
      items: [item],
      rows: [item],
      columns: [
        { header: 'oid', value: ({ oid }) => oid },
        { header: 'size', value: ({ size }) => formatBytes(size), right: true },
        { header: 'copies', value: ({ achieved, replicas }) => `${achieved}/${replicas.length}` },
        { header: 'nodes', value: ({ replicas }) => replicas.map(({ nodeId }) => nodeId).join(',') },
      ],
      name: ({ oid }) => `blob/${oid}`,
    });
    for (const { nodeId, error } of item.replicas) {
      if (error !== '') await this.say(`warning: ${nodeId} does not have it: ${error}`);
    }
    return undefined;
  }
}

function notStored(placed: readonly { nodeId: string; address: string }[]) {
  const replicas = placed.map(({ nodeId, address }) => ({ nodeId, address, stored: false, error: '' }));
  return { required: 0, achieved: 0, degraded: false, replicas };
}
