import * as Args from '@oclif/core/args';
import * as Flags from '@oclif/core/flags';
import { BaseCommand } from '../../cli/base-command.ts';
import { confirm } from '../../cli/confirm.ts';

/** `stratum context delete` */
export default class ContextDelete extends BaseCommand {
  static override id = 'context:delete';
  static override summary = 'Forget a context; the cluster itself is not touched';
  static override examples = ['stratum context delete local --yes'];
  static override args = {
    context: Args.string({ description: 'name of the context', required: true, ignoreStdin: true }),
  };
  static override flags = {
    yes: Flags.boolean({ char: 'y', description: 'Do not ask.' }),
    'dry-run': Flags.boolean({ description: 'Say what would be done, and change nothing.' }),
  };

  override async run(): Promise<undefined> {
    const { args, flags } = await this.parse(ContextDelete);
    const { contexts } = await this.contexts.read();
    if (!contexts.some(({ name }) => name === args.context)) {
      await this.say(`there is no context "${args.context}": nothing to do`);
      return undefined;
    }
    if (flags['dry-run']) {
      await this.say(`would delete the context "${args.context}"`);
      return undefined;
    }
    await confirm(`Delete the context "${args.context}"?`, { yes: flags.yes }, this.io);
    await this.contexts.delete(args.context);
    await this.say(`deleted the context "${args.context}"`);
    return undefined;
  }
}
