import { describe, expect, it } from 'vitest';
import { findDeletedRepo } from '../../../../../src/node/metadata/repo-state.ts';
import { duePurges } from '../../../../../src/node/metadata/state-machine/apply-purge-repo.ts';
import { CreateRepoRequest } from '../../../../../src/rpc/gen/stratum/v1/metadata.ts';
import { command, pack } from '../sample-requests.ts';
import { LogReplica } from './log-replica.ts';

const startMs = 1_700_000_000_000;
const graceMs = 1_000;
const dueMs = startMs + graceMs;

const idOf = (number: number) => number.toString(16).padStart(32, '0');

function withDeleted(...numbers: number[]): LogReplica {
  const replica = new LogReplica();
  for (const number of numbers) {
    const [name, repoId] = [`team/${number}`, idOf(number)];
    const request = CreateRepoRequest.create({ name });
    replica.propose<'createRepo'>({ $case: 'createRepo', value: { request, repoId } }, startMs);
    for (const push of [1, 2, 3]) {
      const commands = Array.from({ length: 10 }, (_, at) => command(`refs/heads/${push}-${at}`, '', '1'));
      const pushId = Buffer.alloc(16, push);
      const value = { repo: name, repoId, commands, atomic: false, packs: [pack(push)], pushId, actor: '' };
      replica.propose<'updateRefs'>({ $case: 'updateRefs', value }, startMs);
    }
    const deletion = { name, expectedId: repoId, graceMs: BigInt(graceMs) };
    replica.propose<'deleteRepo'>({ $case: 'deleteRepo', value: { request: deletion } }, startMs);
  }
  return replica;
}

const purge = (replica: LogReplica, number: number, rowsMax: number, atMs: number) =>
  replica.propose<'purgeRepo'>({ $case: 'purgeRepo', value: { repoId: idOf(number), rowsMax } }, atMs);

describe('a purge', () => {
  it('is due when the grace time is over, the oldest first', () => {
    const replica = withDeleted(2, 1);
    expect(duePurges(replica.state, dueMs - 1)).toEqual([]);
    const due = duePurges(replica.state, dueMs);
    expect(due.map(({ value }) => value)).toEqual([1, 2].map((number) => ({ repoId: idOf(number), rowsMax: 10_000 })));
    for (const operation of due) replica.propose<'purgeRepo'>(operation, dueMs);
    expect(duePurges(replica.state, dueMs)).toEqual([]);
    expect(replica.state.entries().map(({ key }) => key.toString())).toEqual(['t']);
    expect(replica.follow().state.dump()).toEqual(replica.state.dump());
  });

  it.each([1, 7, 10, 1_000])('goes in steps of at most %d records, and leaves other repositories alone', (rowsMax) => {
    const replica = withDeleted(1, 2);
    const others = () => replica.state.dump().filter(([key]) => key.includes(idOf(2)));
    const before = others();
    for (let steps = 1; ; steps += 1) {
      const size = replica.state.entries().length;
      const { done } = purge(replica, 1, rowsMax, dueMs);
      // An answer to a push is two records.
      expect(size - replica.state.entries().length).toBeLessThanOrEqual(rowsMax + 4);
      if (done) break;
      expect(steps).toBeLessThan(200);
      expect(duePurges(replica.state, dueMs)[0]?.value.repoId).toBe(idOf(1));
    }
    expect(replica.state.dump().filter(([key]) => key.includes(idOf(1)))).toEqual([]);
    expect(others()).toEqual(before);
    expect(replica.follow().state.dump()).toEqual(replica.state.dump());
    expect(purge(replica, 1, rowsMax, dueMs)).toEqual({ done: true });
  });

  it('does not begin before its time, whoever asks for it', () => {
    const replica = withDeleted(1);
    const before = replica.state.dump();
    expect(() => purge(replica, 1, 10, dueMs - 1)).toThrow(expect.objectContaining({ code: 'VERSION_CONFLICT' }));
    expect(replica.state.dump()).toEqual(before);
  });

  it('cannot be undone once it has begun, also by a clock that goes back, and ends all the same', () => {
    const replica = withDeleted(1);
    purge(replica, 1, 5, dueMs);
    expect(findDeletedRepo(replica.state, idOf(1))).toMatchObject({ purging: true });
    const restore = { repoId: idOf(1), name: '', newName: 'team/1' };
    expect(() => replica.propose<'moveRepo'>({ $case: 'moveRepo', value: restore }, startMs)).toThrow(
      expect.objectContaining({ code: 'REPO_NOT_FOUND' }),
    );
    expect(purge(replica, 1, 1_000, startMs)).toEqual({ done: true });
  });

  it('ends a restore that has begun', () => {
    const replica = withDeleted(1);
    const token = Buffer.alloc(16, 1);
    const begin = { repoId: idOf(1), name: '', newName: 'team/new', token };
    replica.propose<'beginRename'>({ $case: 'beginRename', value: begin }, dueMs - 1);
    purge(replica, 1, 5, dueMs);
    const commit = { repoId: idOf(1), newName: 'team/new', token };
    expect(() => replica.propose<'commitRename'>({ $case: 'commitRename', value: commit }, dueMs - 1)).toThrow(
      expect.objectContaining({ code: 'VERSION_CONFLICT' }),
    );
  });
});
