import * as Args from '@oclif/core/args';
import { BaseCommand } from '../../cli/base-command.ts';
import { contextListing } from '../../cli/listings/context-listing.ts';

/** `stratum context use` */
export default class ContextUse extends BaseCommand {
  static override id = 'context:use';
  static override summary = 'Make a context the one that commands use';
  static override examples = ['stratum context use local'];
  static override args = {
    context: Args.string({ description: 'name of the context', required: true, ignoreStdin: true }),
  };

  override async run(): Promise<undefined> {
    const { args } = await this.parse(ContextUse);
    await this.contexts.use(args.context);
    const file = await this.contexts.read();
    const chosen = file.contexts.filter(({ name }) => name === args.context);
    await this.print(contextListing(file, chosen));
    return undefined;
  }
}
