import { describe, expect, it } from 'vitest';
import { mergeResults, screenRefCommands } from '../../../../src/node/metadata/screen-ref-commands.ts';
import { atomicFailure } from '../../../../src/node/metadata/state-machine/apply-update-refs.ts';
import { command } from './sample-requests.ts';

describe('screenRefCommands', () => {
  it('lets sound commands through, also the deletion of a name that could not be made', () => {
    const commands = [
      command('refs/heads/a', '', '1'),
      command('refs/stash', '1', ''),
      command('refs/heads/b', '1', '1'),
    ];
    expect(screenRefCommands(commands, 'sha1')).toEqual([undefined, undefined, undefined]);
  });

  it('finds ids of the wrong length for the format', () => {
    expect(screenRefCommands([command('refs/heads/a', '', '1')], 'sha256')).toMatchObject([
      { code: 'INVALID_ARGUMENT' },
    ]);
  });

  it('counts as one ref only what is the same name, byte for byte', () => {
    const commands = [
      command('refs/heads/é', '', '1'),
      command('refs/heads/e\u0301', '', '1'),
      command('refs/heads/E', '', '1'),
    ];
    expect(screenRefCommands(commands, 'sha1')).toEqual([undefined, undefined, undefined]);
  });
});

describe('mergeResults', () => {
  const updated = (name: string) => ({ name, updated: true, errorCode: '', errorMessage: '' });
  const fault = { code: 'REF_NAME_INVALID', message: 'funny refname' } as const;
  const commands = ['refs/heads/a', 'refs/heads/b', 'refs/heads/c'].map((name) => command(name, '', '1'));

  it('puts the faults in their places between what was carried out', () => {
    const merged = mergeResults(
      commands,
      [undefined, fault, undefined],
      [updated('refs/heads/a'), updated('refs/heads/c')],
      atomicFailure,
    );
    expect(merged.map(({ name, errorCode }) => [name, errorCode])).toEqual([
      ['refs/heads/a', ''],
      ['refs/heads/b', 'REF_NAME_INVALID'],
      ['refs/heads/c', ''],
    ]);
  });

  it('gives the commands that were not tried the reason for that', () => {
    const merged = mergeResults(commands, [undefined, fault, undefined], [], atomicFailure);
    expect(merged.map(({ errorMessage }) => errorMessage)).toEqual([
      'atomic push failure',
      'funny refname',
      'atomic push failure',
    ]);
  });
});
