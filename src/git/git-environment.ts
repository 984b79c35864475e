/** Settings of every git process: no hooks, no background work, and nothing depends on the owner of a folder. */
const baseConfig: readonly (readonly [string, string])[] = [
  ['core.hooksPath', '/dev/null'],
  ['gc.auto', '0'],
  ['maintenance.auto', 'false'],
  ['safe.directory', '*'],
  ['advice.detachedHead', 'false'],
];

/** The arguments that come before a git command's own: the settings above, the runner's limits, then the caller's. */
export function configArguments(
  config: Readonly<Record<string, string>> = {},
  limits: readonly (readonly [string, string])[] = [],
): string[] {
  return [...baseConfig, ...limits, ...Object.entries(config)].flatMap(([key, value]) => ['-c', `${key}=${value}`]);
}

/**
 * The whole environment of a git process. Nothing is inherited but the search path: no GIT_*
 * variable, no home, no system or user configuration, no prompt, no translated messages.
 */
export function gitEnvironment(
  searchPath: string,
  extra: Readonly<Record<string, string>> = {},
): Record<string, string> {
  return {
    PATH: searchPath,
    HOME: '/nonexistent',
    LC_ALL: 'C',
    GIT_CONFIG_NOSYSTEM: '1',
    GIT_CONFIG_GLOBAL: '/dev/null',
    GIT_ATTR_NOSYSTEM: '1',
    GIT_TERMINAL_PROMPT: '0',
    GIT_NO_REPLACE_OBJECTS: '1',
    ...extra,
  };
}
