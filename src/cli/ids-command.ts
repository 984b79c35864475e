import { hasCode, StratumError } from '../base/errors.ts';
import { ClusterCommand } from './cluster-command.ts';
import { reportError } from './error-report.ts';
import { FailureTally } from './failure-tally.ts';
import { readIds } from './read-ids.ts';
import { type InputLine, inGroups } from './read-lines.ts';

/** A command that takes ids, as arguments or with --stdin one a line; one that fails does not stop the others. */
export abstract class IdsCommand extends ClusterCommand {
  protected readonly failures = new FailureTally();

  /**
   * What `parse` makes of each id, as they arrive, in groups of at least `groupMin`. Who gives one id
   * only has its error at once; those of a longer list are told on stderr with their lines.
   */
  protected ids<T>(
    given: readonly string[] | undefined,
    fromStdin: boolean,
    parse: (text: string) => T,
    groupMin = 1,
  ): AsyncIterable<readonly T[]> {
    const argument = Object.keys(this.ctor.args).at(-1)?.toUpperCase() ?? 'ID';
    const groups = readIds(given, fromStdin, this.io, argument);
    if (this.#isOnly(given)) parse(given[0]);
    return this.#parsed(groupMin > 1 ? inGroups(groups, groupMin) : groups, parse);
  }

  /** Tells of what failed, and goes on. */
  protected async fail(error: unknown): Promise<void> {
    this.failures.add(error);
    await this.say(reportError(error, { json: !this.isForPeople, debug: false }).trimEnd());
  }

  async *#parsed<T>(groups: AsyncIterable<readonly InputLine[]>, parse: (text: string) => T): AsyncGenerator<T[]> {
    for await (const lines of groups) {
      const parsed: T[] = [];
      for (const line of lines) {
        try {
          parsed.push(parse(line.text));
        } catch (error) {
          await this.fail(atLine(error, line));
        }
      }
      if (parsed.length > 0) yield parsed;
    }
  }

  #isOnly(given: readonly string[] | undefined): given is readonly [string] {
    return given?.length === 1;
  }
}

function atLine(error: unknown, { number }: InputLine): unknown {
  if (number === 0 || !hasCode(error, 'INVALID_ARGUMENT')) return error;
  const { hint, details, message } = error;
  return new StratumError('INVALID_ARGUMENT', `line ${number}: ${message}`, details, { hint, cause: error });
}
