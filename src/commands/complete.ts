import { BaseCommand } from '../cli/base-command.ts';
import { complete } from '../cli/completion.ts';
import { write } from '../cli/io.ts';
import { LiveNames } from '../cli/live-names.ts';

/**
 * `stratum complete -- WORDS`: what the completion scripts call. Prints one candidate a line, a tab
 * and its description behind it; ":files" or ":folders" leave the rest to the shell.
 */
export default class Complete extends BaseCommand {
  static override id = 'complete';
  static override hidden = true;
  static override strict = false;
  static override summary = 'Complete a command line, for the shells’ completion scripts';
  static override examples = ['stratum complete -- repo cr'];

  override async run(): Promise<undefined> {
    const dashes = this.argv.indexOf('--');
    const words = dashes === -1 ? this.argv : this.argv.slice(dashes + 1);
    // Loaded here, because the table lists this command as well.
    const { commandTable } = await import('./index.ts');
    const names = new LiveNames({ words }, { ...this.modules, contexts: this.contexts });
    const { candidates, paths } = await complete(commandTable, words, names);
    const lines = candidates.map(({ value, description }) => `${value}\t${description.replaceAll(/\s+/g, ' ')}\n`);
    await write(this.io.stdout, lines.join('') + (paths === 'none' ? '' : `:${paths}\n`));
    return undefined;
  }
}
