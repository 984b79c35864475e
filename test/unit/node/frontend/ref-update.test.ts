import { describe, expect, it } from 'vitest';
import { systemClock } from '../../../../src/base/clock.ts';
import { StratumError } from '../../../../src/base/errors.ts';
import { systemRandom } from '../../../../src/base/random.ts';
import { judgeCommands } from '../../../../src/node/frontend/push-rules.ts';
import { RefReader } from '../../../../src/node/frontend/ref-reader.ts';
import { type RefUpdate, updateRefs } from '../../../../src/node/frontend/ref-update.ts';
import { MemoryMetadata } from './memory-metadata.ts';

const [zero, a] = ['0', 'a'].map((digit) => digit.repeat(40)) as [string, string];

function prepared() {
  const metadata = new MemoryMetadata();
  const refs = new RefReader({ cachedRefsMax: 100, timeoutMs: 1000 }, { clock: systemClock, metadata });
  const modules = { metadata, refs, random: systemRandom };
  const update: RefUpdate = {
    repo: 'o/n',
    target: undefined,
    objectFormat: 'sha1',
    atomic: false,
    facts: new Map([[a, { type: 'tag', peeledId: 'b'.repeat(40) }]]),
    packs: [],
  };
  const commands = (...names: string[]) =>
    judgeCommands(
      names.map((name) => ({ oldId: zero, newId: a, name })),
      undefined,
    );
  return { metadata, modules, update, commands };
}

describe('updateRefs', () => {
  it('creates the repository, swaps, and passes on what tags lead to', async () => {
    const { metadata, modules, update, commands } = prepared();
    const wanted = commands('refs/tags/v1', 'bad');
    const target = await updateRefs(update, wanted, modules);
    expect(target?.repo.name).toBe('o/n');
    expect(metadata.updates[0]?.commands).toEqual([
      { name: 'refs/tags/v1', oldId: zero, newId: a, newPeeledId: 'b'.repeat(40) },
    ]);
    expect(wanted.map(({ error }) => error === undefined)).toEqual([true, false]);
  });

  it('asks for nothing, and creates nothing, when every command is refused', async () => {
    const { metadata, modules, update, commands } = prepared();
    expect(await updateRefs(update, commands('bad'), modules)).toBeUndefined();
    expect(metadata.calls).toEqual([]);
  });

  it('sets the words of a refused swap', async () => {
    const { modules, update, commands } = prepared();
    await updateRefs(update, commands('refs/heads/x'), modules);
    const again = commands('refs/heads/x');
    expect(await updateRefs(update, again, modules)).toBeUndefined();
    expect(again[0]?.error).toContain("cannot lock ref 'refs/heads/x'");
  });

  it.each([
    [new StratumError('DEADLINE_EXCEEDED', 'slow', { endpoint: 'm' }), /^outcome unknown: slow; look whether it was/],
    [new StratumError('UNREACHABLE', 'reset', { endpoint: 'm' }), /^outcome unknown: reset/],
    [new Error('a bug'), /^outcome unknown: a bug/],
    [new StratumError('REPO_NOT_FOUND', 'gone', { kind: 'repository', id: 'x' }), /^not updated: gone$/],
    [new StratumError('OVERLOADED', 'full', { retryAfterMs: 1 }), /^not updated: full; try again$/],
    [new StratumError('NOT_READY', 'no primary', { what: 'partition 1' }), /^not updated: no primary; try again$/],
    [new StratumError('SHUTTING_DOWN', 'it stops'), /^not updated: it stops; try again$/],
    [
      new StratumError('INSUFFICIENT_REPLICAS', '1 of 2 on disk', { required: 2, achieved: 1, nodes: [] }),
      /^not updated: 1 of 2 on disk; try again$/,
    ],
  ])('tells an unknown outcome from a certain failure: %s', async (error, words) => {
    const { metadata, modules, update, commands } = prepared();
    metadata.before = (call) => {
      if (call === 'updateRefs') throw error;
    };
    const wanted = commands('refs/heads/x');
    await updateRefs(update, wanted, modules);
    expect(wanted[0]?.error).toMatch(words);
  });

  it('refuses a repository that was created in another format meanwhile', async () => {
    const { metadata, modules, update, commands } = prepared();
    await metadata.createRepo({ name: 'o/n', objectFormat: 2, head: '' });
    const wanted = commands('refs/heads/x');
    expect(await updateRefs(update, wanted, modules)).toBeUndefined();
    expect(wanted[0]?.error).toMatch(/^not updated: repository o\/n was created with sha256 meanwhile/);
    expect(metadata.updates).toEqual([]);
  });

  it('when the repository may or may not have been created, no ref was updated for certain', async () => {
    const { metadata, modules, update, commands } = prepared();
    metadata.before = () => {
      throw new StratumError('DEADLINE_EXCEEDED', 'CreateRepo: no answer', { endpoint: 'm' });
    };
    const wanted = commands('refs/heads/x');
    expect(await updateRefs(update, wanted, modules)).toBeUndefined();
    expect(wanted[0]?.error).toBe('not updated: CreateRepo: no answer; try again');
    expect(metadata.updates).toEqual([]);
  });
});
