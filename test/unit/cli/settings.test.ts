import { describe, expect, it } from 'vitest';
import type { ContextFile } from '../../../src/cli/contexts.ts';
import { resolveOutput, resolveSettings, type SettingFlags } from '../../../src/cli/settings.ts';

const file = (changes: Partial<ContextFile> = {}): ContextFile => ({
  path: '/config.json',
  current: 'ci',
  contexts: [
    { name: 'ci', coordinators: ['ci:1'] },
    { name: 'local', coordinators: ['127.0.0.1:2'] },
  ],
  settings: { coordinators: ['file:3'], timeout: '3s', output: 'yaml' },
  ...changes,
});

describe('the settings of a command', () => {
  const empty = file({ current: undefined, contexts: [], settings: {} });
  const cases: readonly [string, SettingFlags, Record<string, string>, ContextFile, readonly string[], string][] = [
    ['flag', { coordinator: ['a:1,b:2', 'c:3'] }, {}, file(), ['a:1', 'b:2', 'c:3'], '--coordinator'],
    ['flag', { coordinator: ['flag:4'] }, { STRATUM_COORDINATORS: 'env:5' }, file(), ['flag:4'], '--coordinator'],
    ['environment', {}, { STRATUM_COORDINATORS: 'env:5, env:6' }, file(), ['env:5', 'env:6'], 'STRATUM_COORDINATORS'],
    ['context', {}, {}, file(), ['ci:1'], 'ci'],
    ['context', { context: 'local' }, { STRATUM_CONTEXT: 'ci' }, file(), ['127.0.0.1:2'], 'local'],
    ['context', {}, { STRATUM_CONTEXT: 'local' }, file(), ['127.0.0.1:2'], 'local'],
    ['config file', {}, {}, file({ current: undefined }), ['file:3'], '/config.json'],
    ['config file', {}, {}, file({ current: 'gone' }), ['file:3'], '/config.json'],
    ['default', {}, { STRATUM_COORDINATORS: '' }, empty, ['127.0.0.1:7480'], ''],
  ];
  it.each(cases)('take the coordinators from the %s', (origin, flags, env, contexts, value, place) => {
    expect(resolveSettings(flags, env, contexts).coordinators).toEqual({ value, origin, place });
  });

  it('take the time-out by the same precedence', () => {
    const timeout = (flags: SettingFlags, env = {}, contexts = file()) =>
      resolveSettings(flags, env, contexts).timeoutMs;
    expect(timeout({ timeout: '1s' }, { STRATUM_TIMEOUT: '2s' })).toMatchObject({ value: 1_000, origin: 'flag' });
    expect(timeout({}, { STRATUM_TIMEOUT: '2s' })).toMatchObject({ value: 2_000, origin: 'environment' });
    expect(timeout({})).toMatchObject({ value: 3_000, origin: 'config file' });
    expect(timeout({}, {}, empty)).toMatchObject({ value: 10_000, origin: 'default' });
  });

  it('refuse a context that there is not, with the nearest one', () => {
    expect(() => resolveSettings({ context: 'locall' }, {}, file())).toThrow(
      expect.objectContaining({ code: 'CONTEXT_NOT_FOUND', hint: expect.stringContaining('"local"') }),
    );
  });

  it.each([
    [{ timeout: '0s' }, {}, '--timeout'],
    [{ timeout: 'soon' }, {}, '--timeout'],
    [{}, { STRATUM_TIMEOUT: 'soon' }, 'STRATUM_TIMEOUT'],
    [{}, { STRATUM_COORDINATORS: 'nowhere' }, 'STRATUM_COORDINATORS'],
    [{ coordinator: ['x:99999'] }, {}, '--coordinator'],
  ])('refuse %j with %j and name the place', (flags, env, place) => {
    expect(() => resolveSettings(flags, env, file())).toThrow(
      expect.objectContaining({ code: 'INVALID_ARGUMENT', message: expect.stringContaining(place) }),
    );
  });
});

describe('the form of the output', () => {
  it('comes from flag, variable, file, and is a table otherwise', () => {
    expect(resolveOutput('json', { STRATUM_OUTPUT: 'name' })).toMatchObject({ value: 'json', origin: 'flag' });
    expect(resolveOutput(undefined, { STRATUM_OUTPUT: 'name' })).toMatchObject({ value: 'name' });
    expect(resolveOutput(undefined, {}, file())).toMatchObject({ value: 'yaml', origin: 'config file' });
    expect(resolveOutput(undefined, {})).toMatchObject({ value: 'table', origin: 'default' });
  });

  it('refuses what it does not know', () => {
    expect(() => resolveOutput(undefined, { STRATUM_OUTPUT: 'jsn' })).toThrow(
      expect.objectContaining({ code: 'INVALID_ARGUMENT', hint: expect.stringContaining('"json"') }),
    );
  });
});
