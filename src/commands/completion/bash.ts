import script from '../../../completions/stratum.bash' with { type: 'text' };
import { BaseCommand } from '../../cli/base-command.ts';
import { write } from '../../cli/io.ts';

/** `stratum completion bash` */
export default class CompletionBash extends BaseCommand {
  static override id = 'completion:bash';
  static override summary = 'Print the completion script for bash';
  static override examples = ['source <(stratum completion bash)'];

  override async run(): Promise<undefined> {
    await this.parse(CompletionBash);
    await write(this.io.stdout, script);
    return undefined;
  }
}
