import * as Args from '@oclif/core/args';
import * as Flags from '@oclif/core/flags';
import { BaseCommand } from '../../cli/base-command.ts';
import { contextListing } from '../../cli/listings/context-listing.ts';
import { parseAddress } from '../../cli/parse-address.ts';

/** `stratum context set` */
export default class ContextSet extends BaseCommand {
  static override id = 'context:set';
  static override summary = 'Add or replace a context';
  static override examples = ['stratum context set ci --coordinator 10.0.0.1:7480 --coordinator 10.0.0.2:7480 --use'];
  static override args = {
    name: Args.string({ description: 'name of the context', required: true, ignoreStdin: true }),
  };
  static override flags = {
    coordinator: Flags.string({
      description: 'host:port of a coordinator; may be repeated.',
      helpValue: '<host:port>',
      required: true,
      multiple: true,
      multipleNonGreedy: true,
    }),
    'git-url': Flags.string({
      description: 'Base URL for git; may be repeated.',
      helpValue: '<url>',
      multiple: true,
      multipleNonGreedy: true,
    }),
    use: Flags.boolean({ description: 'Make it the current one.' }),
  };

  override async run(): Promise<undefined> {
    const { args, flags } = await this.parse(ContextSet);
    const coordinators = flags.coordinator.map((address) => parseAddress(address, '--coordinator'));
    const gitUrls = flags['git-url'] ?? [];
    await this.contexts.set({ name: args.name, coordinators, gitUrls }, { makeCurrent: flags.use });
    const file = await this.contexts.read();
    const changed = file.contexts.filter(({ name }) => name === args.name);
    await this.print(contextListing(file, changed));
    return undefined;
  }
}
