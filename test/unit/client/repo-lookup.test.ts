import { describe, expect, it } from 'vitest';
import { StratumError } from '../../../src/base/errors.ts';
import { RepoHomes, RepoLookup } from '../../../src/client/repo-lookup.ts';

const moved = (partition: number) => new StratumError('REPO_MOVED', 'elsewhere', { partition });
const missing = new StratumError('REPO_NOT_FOUND', 'not here', { kind: 'repository', id: 'a/b' });

function lookup(homes = new RepoHomes(), home?: number) {
  return { homes, look: new RepoLookup({ name: 'a/b', home }, { homes }) };
}

describe('the way to a renamed repository', () => {
  it('begins where the name leads, and goes on to where it is sent', () => {
    const { homes, look } = lookup();
    expect(look.home).toBeUndefined();
    expect(look.learn(moved(7))).toBe(true);
    expect(look.home).toBe(7);
    expect(lookup(homes).look.home).toBe(7);
  });

  it('goes back to where the name leads when what was known is old, once', () => {
    const homes = new RepoHomes();
    homes.set('a/b', 7);
    const { look } = lookup(homes);
    expect(look.learn(missing)).toBe(true);
    expect(look.home).toBeUndefined();
    expect(homes.of('a/b')).toBeUndefined();
    expect(look.learn(moved(7))).toBe(true);
    expect(look.learn(missing)).toBe(false);
  });

  it('ends where the name leads when nothing else is known', () => {
    expect(lookup().look.learn(missing)).toBe(false);
  });

  it('does not follow two partitions that send it to and fro for ever', () => {
    const { look } = lookup();
    const followed = Array.from({ length: 20 }, (_, at) => look.learn(moved(at % 2)));
    expect(followed.filter((again) => again)).toHaveLength(4);
  });

  it('begins where the caller says', () => {
    const homes = new RepoHomes();
    homes.set('a/b', 7);
    expect(lookup(homes, 3).look.home).toBe(3);
  });

  it('leaves other errors to others', () => {
    expect(lookup().look.learn(new StratumError('SHUTTING_DOWN', 'bye'))).toBe(false);
  });
});
