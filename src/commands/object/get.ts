import * as Args from '@oclif/core/args';
import * as Flags from '@oclif/core/flags';
import { parseOid } from '../../base/oid.ts';
import { outputFlags } from '../../cli/base-command.ts';
import { ClusterCommand, connectionFlags } from '../../cli/cluster-command.ts';
import { write } from '../../cli/io.ts';
import { consistencyLevels, parseLevel } from '../../cli/parse-level.ts';

/** `stratum object get` */
export default class ObjectGet extends ClusterCommand {
  static override id = 'object:get';
  static override summary = 'Read a blob to stdout or into a file; its content is checked against its id';
  static override description =
    'A mismatch ends with exit code 6: with --output the file is then as it was before; on stdout bytes have been written already, so look at the exit code before using them.';
  static override examples = [
    'stratum object get 9f86d081884c7d659a2feaa0c55ad015a3bf4f1b2b0b822cd15d6c15b0f00a08 --output blob.bin',
    'stratum object get $oid | tar x',
  ];
  /** Here --output names the file, so that only -o and --format choose a form. */
  static override baseFlags = { ...outputFlags, format: { ...outputFlags.format, aliases: [] }, ...connectionFlags };
  static override args = {
    oid: Args.string({ description: 'blob id, 64 hex digits', required: true, ignoreStdin: true }),
  };
  static override flags = {
    output: Flags.string({ description: 'Write into this file; - is stdout.', helpValue: '<file>', default: '-' }),
    level: Flags.string({
      description: 'How many replicas must agree where one says that it has no such blob.',
      options: consistencyLevels,
      default: 'quorum',
    }),
  };

  override async run(): Promise<undefined> {
    const { args, flags } = await this.parse(ObjectGet);
    const oid = parseOid(args.oid);
    const options = { level: parseLevel(flags.level), signal: this.io.interrupted };
    await this.withCluster(flags, async (cluster) => {
      const objects = await cluster.objects();
      const { chunks } = await objects.get(oid, { offset: 0 }, options);
      if (flags.output === '-') {
        for await (const chunk of chunks) await write(this.io.stdout, chunk);
        return;
      }
      const { writeFileWhole } = await import('../../cli/write-file-whole.ts');
      await writeFileWhole(flags.output, chunks);
    });
    return undefined;
  }
}
