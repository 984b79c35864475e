import { describe, expect, it } from 'vitest';
import { clusterFolder, configFolder } from '../../../src/cli/folders.ts';

describe('the folder of contexts', () => {
  it.each([
    ['linux', { HOME: '/h' }, '/h/.config/stratum'],
    ['linux', { HOME: '/h', XDG_CONFIG_HOME: '/x' }, '/x/stratum'],
    ['darwin', { HOME: '/h' }, '/h/Library/Preferences/stratum'],
    ['linux', { HOME: '/h', XDG_CONFIG_HOME: '/x', STRATUM_CONFIG_DIR: '/own' }, '/own'],
  ] as const)('is on %s with %j %s', (platform, env, folder) => {
    expect(configFolder(env, platform)).toBe(folder);
  });
});

describe('the folder of a local cluster', () => {
  it.each([
    ['linux', { HOME: '/h' }, '/h/.local/share/stratum/ci'],
    ['linux', { HOME: '/h', XDG_DATA_HOME: '/x' }, '/x/stratum/ci'],
    ['darwin', { HOME: '/h' }, '/h/Library/Application Support/stratum/ci'],
  ] as const)('is on %s with %j %s', (platform, env, folder) => {
    expect(clusterFolder(env, 'ci', platform)).toBe(folder);
  });
});
