import { describe, expect, it } from 'vitest';
import { ObjectFormat } from '../../../../../src/rpc/gen/stratum/v1/metadata.ts';
import { partitionOf } from '../../../../../src/topology/partitioning.ts';
import { allPartitions, sampleService } from '../sample-service.ts';

describe('CreateRepo', () => {
  it('makes an empty repository with an id of its own, SHA-1 and main unless told otherwise', async () => {
    const { calls, clock } = sampleService();
    const { repo } = await calls.createRepo({ name: 'team/app' });
    expect(repo).toEqual({
      name: 'team/app',
      id: expect.stringMatching(/^[0-9a-f]{32}$/),
      objectFormat: ObjectFormat.SHA1,
      head: 'refs/heads/main',
      createdAtMs: BigInt(clock.nowMs()),
      refsGeneration: 1n,
      packsGeneration: 1n,
      refCount: 0n,
      packCount: 0n,
      packBytes: 0n,
      partition: partitionOf('team/app', 4),
    });
    expect((await calls.getRepo({ name: 'team/app' })).repo).toEqual(repo);
  });

  it('takes the object format and the branch that it is given', async () => {
    const { calls } = sampleService();
    const { repo } = await calls.createRepo({
      name: 'a/b',
      objectFormat: ObjectFormat.SHA256,
      head: 'refs/heads/trunk',
    });
    expect(repo).toMatchObject({ objectFormat: ObjectFormat.SHA256, head: 'refs/heads/trunk' });
  });

  it('refuses a name that is taken, and leaves what has it as it was', async () => {
    const { calls, newRepo } = sampleService();
    const first = await newRepo();
    await expect(calls.createRepo({ name: 'team/app', head: 'refs/heads/other' })).rejects.toMatchObject({
      code: 'REPO_EXISTS',
      details: { kind: 'repository', id: 'team/app' },
    });
    expect((await calls.getRepo({ name: 'team/app' })).repo).toEqual(first);
  });

  it('answers a repeated request with the repository that it has made, as it is now', async () => {
    const { calls } = sampleService();
    const request = { name: 'team/app', requestId: Buffer.alloc(16, 1) };
    const { repo } = await calls.createRepo(request);
    await calls.setHead({ repo: 'team/app', repoId: repo?.id ?? '', head: 'refs/heads/x' });
    expect((await calls.createRepo(request)).repo).toMatchObject({ id: repo?.id, head: 'refs/heads/x' });
    for (const other of [{ name: 'team/app' }, { name: 'team/app', requestId: Buffer.alloc(16, 2) }]) {
      await expect(calls.createRepo(other)).rejects.toMatchObject({ code: 'REPO_EXISTS' });
    }
    expect((await calls.listRepos({ partitions: allPartitions })).repos).toHaveLength(1);
  });

  it('lets one of many callers at once have a name', async () => {
    const { calls } = sampleService();
    const tries = await Promise.allSettled(Array.from({ length: 20 }, () => calls.createRepo({ name: 'team/app' })));
    expect(tries.filter(({ status }) => status === 'fulfilled')).toHaveLength(1);
  });

  it.each([
    ['no owner', { name: 'app' }, 'name'],
    ['a way out', { name: '../app' }, 'name'],
    ['.git', { name: 'team/app.git' }, 'name'],
    ['NUL', { name: 'team/a\0b' }, 'name'],
    ['an absurd length', { name: `team/${'a'.repeat(5_000)}` }, 'name'],
    ['HEAD at a tag', { name: 'team/app', head: 'refs/tags/v1' }, 'head'],
    ['HEAD at a bad name', { name: 'team/app', head: 'refs/heads/a..b' }, 'head'],
    ['a short request id', { name: 'team/app', requestId: Buffer.alloc(3) }, 'request_id'],
    ['an unknown object format', { name: 'team/app', objectFormat: 7 as ObjectFormat }, 'object_format'],
  ])('refuses %s and names the field', async (_, request, field) => {
    const { calls } = sampleService();
    await expect(calls.createRepo(request)).rejects.toMatchObject({ code: 'INVALID_ARGUMENT', details: { field } });
    expect((await calls.listRepos({ partitions: allPartitions })).repos).toEqual([]);
  });
});
