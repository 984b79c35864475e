import { describe, expect, it } from 'vitest';
import { configArguments, gitEnvironment } from '../../../src/git/git-environment.ts';

describe('the environment of git', () => {
  it('has no variable of ours but the search path', () => {
    expect(gitEnvironment('/bin')).toMatchObject({ PATH: '/bin', HOME: '/nonexistent', GIT_CONFIG_NOSYSTEM: '1' });
    expect(Object.keys(gitEnvironment('/bin'))).not.toContain('USER');
    expect(gitEnvironment('/bin', { GIT_DIR: '/x' }).GIT_DIR).toBe('/x');
  });

  it('runs no hooks and no background work', () => {
    const args = configArguments({ 'uploadpack.allowFilter': 'true' });
    for (const wanted of ['core.hooksPath=/dev/null', 'gc.auto=0', 'safe.directory=*', 'uploadpack.allowFilter=true']) {
      expect(args[args.indexOf(wanted) - 1]).toBe('-c');
    }
  });
});
