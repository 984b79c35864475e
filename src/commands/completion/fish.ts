import script from '../../../completions/stratum.fish' with { type: 'text' };
import { BaseCommand } from '../../cli/base-command.ts';
import { write } from '../../cli/io.ts';

/** `stratum completion fish` */
export default class CompletionFish extends BaseCommand {
  static override id = 'completion:fish';
  static override summary = 'Print the completion script for fish';
  static override examples = ['stratum completion fish | source'];

  override async run(): Promise<undefined> {
    await this.parse(CompletionFish);
    await write(this.io.stdout, script);
    return undefined;
  }
}
