import * as Args from '@oclif/core/args';
import * as Flags from '@oclif/core/flags';
import { changeFlags } from '../../cli/change-flags.ts';
import { parsePartitionId } from '../../cli/find-partition.ts';
import { onePartition, partitionItem } from '../../cli/listings/partition-listing.ts';
import { parseDuration } from '../../cli/parse-duration.ts';
import { MoveCommand } from '../../cli/partition-move/move-command.ts';

/** `stratum partition move` */
export default class PartitionMove extends MoveCommand {
  static override id = 'partition:move';
  static override summary = 'Make another metadata node the primary of a partition';
  static override description =
    `A node that is in sync becomes the primary at once. One that is no replica is made one, waited for until it has caught up, and made the primary then; pushes and fetches go on meanwhile. Each step is told on stderr. Whoever runs the same command again goes on where it ended; when all is so already, that is no error.
With --detach the waiting is left out, and with Ctrl-C or after --timeout (exit code 124) it ends: the node goes on catching up.
--accept-data-loss is for in-sync replicas that will not come back: it makes a node the primary that may lack acknowledged pushes, or drops those that are gone from the in-sync set.`;
  static override examples = [
    'stratum partition move 7 --to metadata-2 --yes --reason "metadata-1 gets a new disk"',
    'stratum partition move 7 --to metadata-4 --replace --dry-run',
    'stratum partition move 7 --to metadata-3 --accept-data-loss --confirm 7',
  ];
  static override args = {
    partition: Args.string({ description: 'its number', required: true, ignoreStdin: true }),
  };
  static override flags = {
    to: Flags.string({
      description: 'The metadata node that is to be its primary.',
      helpValue: '<node>',
      required: true,
    }),
    replace: Flags.boolean({ description: 'Take the old primary out of the replicas afterwards.' }),
    ...changeFlags,
    wait: Flags.boolean({ description: 'Wait until it is done (the default).', exclusive: ['detach'] }),
    detach: Flags.boolean({ char: 'd', description: 'Do what can be done at once, and wait for nothing.' }),
    timeout: Flags.string({ description: 'How long it may take.', helpValue: '<duration>', default: '10m' }),
    'accept-data-loss': Flags.boolean({ description: 'Force it although acknowledged pushes may be lost.' }),
    confirm: Flags.string({
      description: 'The partition’s number once more, for --accept-data-loss.',
      helpValue: '<id>',
      dependsOn: ['accept-data-loss'],
    }),
  };

  override async run(): Promise<undefined> {
    const { args, flags } = await this.parse(PartitionMove);
    const request = {
      partition: parsePartitionId(args.partition),
      targetId: flags.to,
      replace: flags.replace,
      acceptDataLoss: flags['accept-data-loss'],
      confirm: flags.confirm,
      detach: flags.detach,
      timeoutMs: parseDuration(flags.timeout, '--timeout'),
    };
    // The single call has its own, shorter deadline.
    await this.move({ ...flags, timeout: undefined }, request, ({ partition, topology }, source) =>
      this.print(onePartition(partitionItem(partition, topology), source)),
    );
    return undefined;
  }
}
