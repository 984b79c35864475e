import script from '../../../completions/stratum.zsh' with { type: 'text' };
import { BaseCommand } from '../../cli/base-command.ts';
import { write } from '../../cli/io.ts';

/** `stratum completion zsh` */
export default class CompletionZsh extends BaseCommand {
  static override id = 'completion:zsh';
  static override summary = 'Print the completion script for zsh';
  static override examples = ['source <(stratum completion zsh)'];

  override async run(): Promise<undefined> {
    await this.parse(CompletionZsh);
    await write(this.io.stdout, script);
    return undefined;
  }
}
