import { existsSync } from 'node:fs';
import type { Interfaces } from '@oclif/core';
import { Command } from '@oclif/core/command';
import * as Flags from '@oclif/core/flags';
import { StratumError } from '../base/errors.ts';
import { ContextStore } from './contexts.ts';
import { configFolder } from './folders.ts';
import { type CommandIo, write } from './io.ts';
import type { CommandModules } from './modules.ts';
import type { Listing, Unreachable } from './output/envelope.ts';
import { renderStream, type StreamedListing } from './output/listing-stream.ts';
import { type OutputFormat, outputFormats, type RenderOptions, render } from './output/render.ts';
import { fromParserError } from './parser-errors.ts';
import { resolveOutput } from './settings.ts';

/** Flags of every command. */
export const outputFlags = {
  format: Flags.string({
    char: 'o',
    aliases: ['output'],
    description: 'Form of the output (STRATUM_OUTPUT; default: table).',
    options: outputFormats,
    helpValue: outputFormats.join('|'),
    helpGroup: 'GLOBAL',
  }),
  field: Flags.string({
    description: 'Print only the value at this path, raw: "version" or "items[0].id".',
    helpValue: '<path>',
    helpGroup: 'GLOBAL',
  }),
  debug: Flags.boolean({ description: 'Show stack traces of errors.', helpGroup: 'GLOBAL' }),
};

interface OutputChoice {
  readonly format?: string | undefined;
  readonly field?: string | undefined;
}

/**
 * The one base of all commands: output in every form, errors and exit codes from the error table.
 * `run` resolves with the exit code; nothing means 0. Errors are reported by the program
 * (program.ts), so a command throws them.
 */
export abstract class BaseCommand extends Command {
  static override baseFlags = outputFlags;

  #modules: CommandModules | undefined;
  #output: OutputChoice = {};
  #format: OutputFormat = 'table';

  abstract override run(): Promise<number | undefined>;

  /** Gives the command its modules; oclif's constructor has no place for them. */
  attach(modules: CommandModules): this {
    this.#modules = modules;
    return this;
  }

  protected get modules(): CommandModules {
    if (this.#modules === undefined) throw new StratumError('INTERNAL', `${this.id} was run without its modules`);
    return this.#modules;
  }

  protected get io(): CommandIo {
    return this.modules.io;
  }

  /** The contexts of this user. */
  protected get contexts(): ContextStore {
    return new ContextStore({ folder: configFolder(this.io.env) });
  }

  protected override async parse<
    F extends Interfaces.OutputFlags<Interfaces.FlagInput>,
    B extends Interfaces.OutputFlags<Interfaces.FlagInput>,
    A extends Interfaces.OutputArgs<Interfaces.ArgInput>,
  >(options?: Interfaces.Input<F, B, A>, argv?: string[]): Promise<Interfaces.ParserOutput<F, B, A>> {
    try {
      const parsed = await super.parse(options, argv);
      const flags: Readonly<Record<string, unknown>> = parsed.flags;
      this.#output = { format: textOf(flags.format), field: textOf(flags.field) };
      this.#format = await this.#resolveFormat();
      return parsed;
    } catch (error) {
      const known = { ...this.ctor.baseFlags, ...this.ctor.flags };
      throw fromParserError(error, Object.keys(known), (this.id ?? '').replaceAll(':', ' '));
    }
  }

  /** By the flag, the variable, or the config file, which is read only when it has to say something. */
  async #resolveFormat(): Promise<OutputFormat> {
    const isSaid = this.#output.format !== undefined || (this.io.env.STRATUM_OUTPUT ?? '') !== '';
    const file = !isSaid && existsSync(this.contexts.path) ? await this.contexts.read() : undefined;
    return resolveOutput(this.#output.format, this.io.env, file).value;
  }

  /** The form that was asked for. */
  protected get format(): OutputFormat {
    return this.#format;
  }

  /** Whether the output is a table, so that words beside it do not disturb a program. */
  protected get isForPeople(): boolean {
    return (this.format === 'table' || this.format === 'wide') && this.#output.field === undefined;
  }

  /** Prints what was found, in the form that was asked for. */
  protected async print<Item extends object, Row>(listing: Listing<Item, Row>): Promise<void> {
    const text = await render(listing, this.#renderOptions);
    if (text !== '') await write(this.io.stdout, text);
    await this.#sayBeside(listing.unreachable ?? [], listing.rows.length === 0 ? listing.emptyText : undefined);
  }

  /** Prints what is being found, as it comes; waits for a slow reader of stdout. */
  protected async printStream<Item extends object, Row>(listing: StreamedListing<Item, Row>): Promise<void> {
    let isEmpty = true;
    async function* watched() {
      for await (const items of listing.batches) {
        isEmpty &&= items.length === 0;
        yield items;
      }
    }
    for await (const text of renderStream({ ...listing, batches: watched() }, this.#renderOptions)) {
      if (text !== '') await write(this.io.stdout, text);
    }
    await this.#sayBeside(listing.unreachable(), isEmpty ? listing.emptyText : undefined);
  }

  async #sayBeside(unreachable: readonly Unreachable[], emptyText: string | undefined): Promise<void> {
    if (!this.isForPeople) return;
    for (const { node, reason } of unreachable) await this.say(`warning: ${node}: ${reason}`);
    if (emptyText !== undefined) await this.say(emptyText);
  }

  get #renderOptions(): RenderOptions {
    const { format } = this;
    const { field } = this.#output;
    return { format, field, isTerminal: this.io.stdoutIsTerminal, nowMs: this.modules.clock.nowMs() };
  }

  /** Tells a person something, on stderr. */
  protected async say(text: string): Promise<void> {
    await write(this.io.stderr, `${text}\n`);
  }
}

function textOf(value: unknown): string | undefined {
  return typeof value === 'string' ? value : undefined;
}
