import { hostname, userInfo } from 'node:os';
import { describe, expect, it } from 'vitest';
import { actorOf } from '../../../src/cli/actor.ts';

describe('the actor of a change', () => {
  const own = `${userInfo().username}@${hostname()}`;
  const cases: readonly [string, Record<string, string>, string][] = [
    ['the user at this machine', {}, own],
    ['whom the variable names', { STRATUM_ACTOR: 'deploy-bot' }, 'deploy-bot'],
    ['the user when the variable is empty', { STRATUM_ACTOR: '' }, own],
  ];
  it.each(cases)('is %s', (_what, env, actor) => {
    expect(actorOf(env)).toBe(actor);
  });
});
