import type { Command, Interfaces } from '@oclif/core';
import { CommandHelp, Help } from '@oclif/core/help';

/** Help of one command with its examples first: they answer most questions. */
class ExamplesFirst extends CommandHelp {
  protected override sections() {
    const sections = super.sections();
    const examples = sections.filter(({ header }) => header === 'EXAMPLES');
    return [...examples, ...sections.filter(({ header }) => header !== 'EXAMPLES')];
  }
}

/** Examples for the help of the whole program. */
const rootExamples = [
  ['stratum cluster up --detach', 'start a cluster on this machine'],
  ['stratum repo create team/app', 'create a repository'],
  ['stratum topology watch', 'see nodes, ring and partitions live'],
  ['stratum ring locate <oid> --verify', 'ask which nodes hold an object'],
] as const;

/** The program's help, collected as text so that the caller decides where it goes. */
export class StratumHelp extends Help {
  readonly #lines: string[] = [];
  protected override CommandHelpClass = ExamplesFirst;

  /** The help of the words: a command, a topic, or the program when they name neither. */
  async textFor(words: readonly string[]): Promise<string> {
    await this.showHelp([...words]);
    return `${this.#lines
      .join('\n')
      .replaceAll(/\n{3,}/g, '\n\n')
      .trim()}\n`;
  }

  protected override log(...lines: string[]): void {
    this.#lines.push(...lines);
  }

  protected override async showRootHelp(): Promise<void> {
    this.log('Stratum is a distributed Git server for CI.', '');
    const width = Math.max(...rootExamples.map(([command]) => command.length)) + 2;
    const examples = rootExamples.map(([command, what]) => `$ ${command.padEnd(width)}# ${what}`);
    this.log(this.section('EXAMPLES', examples.join('\n')), '');
    this.log(this.section('USAGE', '$ stratum COMMAND [FLAGS]'), '');
    this.log(this.section('COMMANDS', this.renderList(this.#summaries(), this.#listOptions())), '');
    this.log('"stratum COMMAND --help" tells more about a command.');
  }

  protected override async showTopicHelp(topic: Interfaces.Topic): Promise<void> {
    this.log(topic.description ?? '', '');
    const below = this.#summaries().filter(([id]) => id.startsWith(`${topic.name.replaceAll(':', ' ')} `));
    this.log(this.section('COMMANDS', this.renderList(below, this.#listOptions())), '');
    this.log('"stratum COMMAND --help" tells more about a command.');
  }

  #summaries(): [string, string | undefined][] {
    return this.sortedCommands.map((command: Command.Loadable) => [
      command.id.replaceAll(':', ' '),
      this.summary(command),
    ]);
  }

  #listOptions() {
    return { indentation: 2, spacer: '\n', stripAnsi: this.opts.stripAnsi ?? false };
  }
}
