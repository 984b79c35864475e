import type { Command, Interfaces } from '@oclif/core';
import { Config } from '@oclif/core/config';
import { type CommandClass, type CommandTable, flagsOf } from './command-table.ts';

/**
 * oclif's configuration from the table of commands. The table is handed over as a plugin that is
 * loaded already, because a bundle has neither a folder of commands nor a package.json to search for.
 */
export async function oclifConfig(table: CommandTable, version: string): Promise<Config> {
  // oclif asks for the user's shell, which fails for a user without an entry in the password file.
  process.env.SHELL ??= '/bin/sh';
  const root = '/';
  const pjson: Interfaces.PJSON = {
    name: 'stratum',
    version,
    oclif: {
      bin: 'stratum',
      topicSeparator: ' ',
      helpOptions: { flagSortOrder: 'none', maxWidth: 100, docopts: false },
    },
  };
  const plugin = tablePlugin(table, pjson, root);
  return Config.load({ root, pjson, version, plugins: new Map([[plugin.name, plugin]]) });
}

function tablePlugin(table: CommandTable, pjson: Interfaces.PJSON, root: string): Interfaces.Plugin {
  const commands = Object.entries(table.commands).map(([id, command]) => loadable(id, command, pjson.name));
  return {
    _base: '',
    alias: pjson.name,
    commandIDs: Object.keys(table.commands),
    commands,
    commandsDir: undefined,
    findCommand: () => Promise.reject(new Error('commands are started by the program')),
    hasManifest: false,
    hooks: {},
    isRoot: true,
    load: () => Promise.resolve(),
    moduleType: 'module',
    name: pjson.name,
    options: { root },
    pjson,
    root,
    topics: Object.entries(table.topics).map(([name, description]) => ({ name, description })),
    type: 'core',
    valid: true,
    version: pjson.version,
  };
}

function loadable(id: string, command: CommandClass, pluginName: string): Command.Loadable {
  return {
    id,
    aliases: [],
    hiddenAliases: [],
    args: named(command.args),
    flags: named(flagsOf(command)),
    description: command.description,
    examples: [...command.examples],
    hidden: command.hidden,
    strict: command.strict,
    usage: command.usage,
    summary: command.summary,
    pluginName,
    load: () => Promise.reject(new Error('commands are started by the program')),
  };
}

/** The help reads names from the definitions themselves, which only the parser puts there. */
function named<T extends object>(definitions: Readonly<Record<string, T>>): Record<string, T & { name: string }> {
  return Object.fromEntries(Object.entries(definitions).map(([name, each]) => [name, { ...each, name }]));
}
