import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { hasCode } from '../../../../../src/base/errors.ts';
import { readRefs, readRepo } from '../../../../../src/node/metadata/repo-state.ts';
import { applyEntry } from '../../../../../src/node/metadata/state-machine/apply.ts';
import { CreateRepoRequest, type RefCommand } from '../../../../../src/rpc/gen/stratum/v1/metadata.ts';
import { MemoryState } from '../memory-state.ts';
import { command, id, pack, zero } from '../sample-requests.ts';
import { LogReplica } from './log-replica.ts';

const repoName = 'team/app';
// Few names and values, so that conflicts of every kind are frequent.
const names = ['a', 'a/b', 'a/b/c', 'a/d', 'ab', 'b', 'b/c'].map((name) => `refs/heads/${name}`);
const values = ['', '1', '2'];

const anyCommand = fc.record({
  name: fc.constantFrom(...names),
  /** Mostly what the ref has, or nothing could ever change twice. */
  old: fc.oneof({ weight: 4, arbitrary: fc.constant('current') }, { weight: 1, arbitrary: fc.constantFrom(...values) }),
  next: fc.constantFrom(...values),
});
const anyPush = fc.record({
  kind: fc.constant('push' as const),
  commands: fc.uniqueArray(anyCommand, { selector: ({ name }) => name, minLength: 1, maxLength: 5 }),
  atomic: fc.boolean(),
  repeat: fc.boolean(),
});
const anyStep = fc.oneof(
  { weight: 10, arbitrary: anyPush },
  { weight: 1, arbitrary: fc.record({ kind: fc.constant('recreate' as const) }) },
  { weight: 1, arbitrary: fc.record({ kind: fc.constant('head' as const), head: fc.constantFrom(...names) }) },
);

/** Refs as a map, changed by the rules in their plainest form: deletions, then everything else in order. */
function modelPush(refs: Map<string, string>, commands: readonly RefCommand[], atomic: boolean): boolean[] {
  const trial = new Map(refs);
  const isSound = ({ name, oldId, newId }: RefCommand) =>
    (refs.get(name) ?? zero) === oldId && !(oldId === zero && newId === zero);
  const sound = commands.map(isSound);
  commands.forEach(({ name, newId }, at) => {
    if (sound[at] && newId === zero) trial.delete(name);
  });
  const verdicts = commands.map(({ name, newId }, at) => {
    if (!sound[at] || newId === zero) return sound[at] ?? false;
    const clashes = [...trial.keys()].some((other) => other.startsWith(`${name}/`) || name.startsWith(`${other}/`));
    if (!clashes) trial.set(name, newId);
    return !clashes;
  });
  if (atomic && verdicts.includes(false)) return verdicts.map(() => false);
  refs.clear();
  for (const [name, value] of trial) refs.set(name, value);
  return verdicts;
}

function toCommands(
  push: { commands: readonly { name: string; old: string; next: string }[] },
  refs: Map<string, string>,
) {
  return push.commands
    .map(({ name, old, next }) => {
      const made = command(name, old === 'current' ? '' : old, next);
      return old === 'current' ? { ...made, oldId: refs.get(name) ?? zero } : made;
    })
    .filter(({ oldId, newId }) => oldId !== zero || newId !== zero);
}

function create(replica: LogReplica, number: number): string {
  const repoId = number.toString(16).padStart(32, '0');
  replica.propose<'createRepo'>({
    $case: 'createRepo',
    value: { request: CreateRepoRequest.create({ name: repoName }), repoId },
  });
  return repoId;
}

function checkInvariants(replica: LogReplica, refs: ReadonlyMap<string, string>, repoId: string): void {
  const { repo, refBytes } = readRepo(replica.state, repoName);
  const stored = readRefs(replica.state, repoId);
  expect(new Map(stored.map(({ name, objectId }) => [name, objectId]))).toEqual(refs);
  expect(stored.map(({ name }) => name)).toEqual([...refs.keys()].sort());
  expect(repo.refCount).toBe(BigInt(refs.size));
  expect(refBytes).toBe(stored.reduce((sum, { name }) => sum + 16 + name.length + 40, 0));
}

describe('the metadata state machine', () => {
  it('does what a plain map of refs does, whatever is pushed, and every replica of its log is the same', () => {
    fc.assert(
      fc.property(fc.array(anyStep, { maxLength: 30 }), (steps) => {
        const replica = new LogReplica();
        const refs = new Map<string, string>();
        let repoId = create(replica, 1);
        let generation = readRepo(replica.state, repoName).repo.refsGeneration;
        steps.forEach((step, at) => {
          const before = new Map(refs);
          if (step.kind === 'recreate') {
            replica.propose<'deleteRepo'>({
              $case: 'deleteRepo',
              value: { request: { name: repoName, expectedId: repoId } },
            });
            repoId = create(replica, at + 2);
            refs.clear();
            generation = 1n;
          } else if (step.kind === 'head') {
            const { head } = readRepo(replica.state, repoName).repo;
            replica.propose<'setHead'>({ $case: 'setHead', value: { repo: repoName, repoId, head: step.head } });
            if (head !== step.head) generation += 1n;
          } else {
            const commands = toCommands(step, refs);
            const pushId = Buffer.alloc(16, at);
            const value = { repo: repoName, repoId, commands, atomic: step.atomic, packs: [], pushId, actor: '' };
            const { results } = replica.propose<'updateRefs'>({ $case: 'updateRefs', value });
            expect(results.map(({ updated }) => updated)).toEqual(modelPush(refs, commands, step.atomic));
            if (step.repeat) {
              const again = replica.propose<'updateRefs'>({ $case: 'updateRefs', value });
              expect(again).toMatchObject({ results, replayed: true });
            }
            if (JSON.stringify([...before].sort()) !== JSON.stringify([...refs].sort())) generation += 1n;
          }
          checkInvariants(replica, refs, repoId);
          expect(readRepo(replica.state, repoName).repo.refsGeneration).toBe(generation);
        });
        expect(replica.follow().state.dump()).toEqual(replica.state.dump());
      }),
      { numRuns: 150 },
    );
  });

  it('leaves nothing but the count of repositories when all are deleted and purged', () => {
    const replica = new LogReplica();
    const repoId = create(replica, 1);
    const value = { repo: repoName, repoId, atomic: false, packs: [pack(1)], pushId: Buffer.alloc(16), actor: 'ada' };
    const commands = names.map((name) => command(name, '', '1'));
    replica.propose<'updateRefs'>({ $case: 'updateRefs', value: { ...value, commands } });
    const replaced = { repo: repoName, repoId, remove: [], add: [pack(2)], expectedGeneration: 2n, allowAdded: false };
    replica.propose<'replacePacks'>({ $case: 'replacePacks', value: replaced });
    const lease = { repo: repoName, repoId, holder: 'f1', ttlMs: 1_000n };
    replica.propose<'acquireMaintenance'>({ $case: 'acquireMaintenance', value: lease });
    const request = { name: repoName, expectedId: repoId, graceMs: 0n };
    replica.propose<'deleteRepo'>({ $case: 'deleteRepo', value: { request } });
    replica.propose<'purgeRepo'>({ $case: 'purgeRepo', value: { repoId, rowsMax: 10_000 } });
    expect(replica.state.entries().map(({ key }) => key.toString())).toEqual(['t']);
  });

  it.each([
    ['an entry without an operation', undefined, 'DATA_CORRUPT'],
    [
      'a change of a repository that is not there',
      { $case: 'setHead', value: { repo: repoName, repoId: id('x'), head: 'refs/heads/x' } } as const,
      'REPO_NOT_FOUND',
    ],
  ])('refuses %s', (_, operation, code) => {
    const entry = { epoch: 1n, index: 1n, atMs: 0n, operation };
    expect(() => applyEntry(0, new MemoryState(), entry)).toThrow(expect.objectContaining({ code }));
  });

  it('logs nothing for a refusal', () => {
    const replica = new LogReplica();
    create(replica, 1);
    const before = replica.state.dump();
    try {
      create(replica, 2);
      expect.unreachable();
    } catch (error) {
      expect(hasCode(error, 'REPO_EXISTS')).toBe(true);
    }
    expect(replica.log).toHaveLength(1);
    expect(replica.state.dump()).toEqual(before);
  });
});
