import { describe, expect, it } from 'vitest';
import { checkRefs } from '../../../../../src/node/metadata/rpc/check-refs.ts';
import type { StateReader } from '../../../../../src/node/metadata/state.ts';
import { repoKey } from '../../../../../src/node/metadata/state-keys.ts';
import { RefsCheck, type Repo } from '../../../../../src/rpc/gen/stratum/v1/metadata.ts';
import { inProcessPeer } from '../../../../../src/rpc/handlers.ts';
import { command } from '../sample-requests.ts';
import { nameIn, sampleService } from '../sample-service.ts';
import { heldTopology, metadataCluster } from '../sample-topology.ts';

const checkOf = ({ name, id, refsGeneration }: Repo, changes: Partial<RefsCheck> = {}) =>
  RefsCheck.create({ repo: name, repoId: id, generation: refsGeneration, ...changes });

const within = () => ({ signal: new AbortController().signal, peer: inProcessPeer });

const open = { unchanged: false, repo: undefined };

/** A repository in each of the partitions. */
async function withRepos(parts: Parameters<typeof sampleService>[0] = {}, partitions = [0, 1, 2, 3]) {
  const sample = sampleService(parts);
  const repos = await Promise.all(partitions.map((partition) => sample.newRepo({ name: nameIn(partition) })));
  const [first] = repos;
  if (first === undefined) throw new Error('a repository expected');
  return { ...sample, repos, first };
}

describe('CheckRefs', () => {
  it('answers each check in its place, with the repository of those whose refs are unchanged', async () => {
    const { calls, repos } = await withRepos();
    const checks = repos.map((repo, at) => checkOf(repo, at % 2 === 0 ? {} : { generation: 99n }));
    const { results } = await calls.checkRefs({ checks });
    expect(results).toEqual(repos.map((repo, at) => (at % 2 === 0 ? { unchanged: true, repo } : open)));
  });

  it('finds a renamed repository in its home, and leaves it open where its name leads to', async () => {
    const { calls, first } = await withRepos();
    const { repo } = await calls.renameRepo({ name: first.name, expectedId: first.id, newName: nameIn(1, 1) });
    if (repo === undefined) throw new Error('the answer holds no repository');
    const { results } = await calls.checkRefs({ checks: [checkOf(repo, { home: 0 }), checkOf(repo)] });
    expect(results).toEqual([{ unchanged: true, repo }, open]);
  });

  it.each<[string, Partial<RefsCheck>]>([
    ['of an older generation', { generation: 0n }],
    ['of a generation that is yet to come', { generation: 2n }],
    ['of another repository of that name', { repoId: 'e'.repeat(32) }],
    ['without a repository id', { repoId: '' }],
    ['of a repository that is not there', { repo: 'team/none' }],
    ['of a name that cannot be one', { repo: 'app' }],
    ['of a name in another form', { repo: `${nameIn(0)}.git` }],
    ['of an absurd name', { repo: `team/${'n'.repeat(100_000)}` }],
    ['in another partition', { home: 1 }],
    ['in a partition that is not there', { home: 4_000_000_000 }],
  ])('leaves a check %s open, and answers the others', async (_, changes) => {
    const { calls, first } = await withRepos();
    const { results } = await calls.checkRefs({ checks: [checkOf(first, changes), checkOf(first)] });
    expect(results).toEqual([open, { unchanged: true, repo: first }]);
  });

  it('leaves what another node is the primary of open, and answers the others', async () => {
    const topology = heldTopology(metadataCluster({ m1: '127.0.0.1:1' }));
    const { calls, repos } = await withRepos({ topology });
    topology.set(metadataCluster({ m1: '127.0.0.1:1', m2: '127.0.0.1:2' }));
    const { results } = await calls.checkRefs({ checks: repos.map((repo) => checkOf(repo)) });
    expect(results).toEqual(repos.map((repo, at) => (at % 2 === 0 ? { unchanged: true, repo } : open)));
  });

  it('leaves everything open before it has a topology', async () => {
    const topology = heldTopology(metadataCluster({ m1: '127.0.0.1:1' }));
    const { calls, repos } = await withRepos({ topology });
    topology.set(undefined);
    const checks = repos.flatMap((repo) => [checkOf(repo), checkOf(repo, { home: repo.partition })]);
    expect((await calls.checkRefs({ checks })).results).toEqual(checks.map(() => open));
  });

  it('says of no refs that they are unchanged once a change of them, or of HEAD, was answered', async () => {
    const { calls, first } = await withRepos();
    const check = checkOf(first);
    await calls.updateRefs({ repo: first.name, repoId: first.id, commands: [command('refs/heads/a', '', '1')] });
    expect((await calls.checkRefs({ checks: [check] })).results).toEqual([open]);
    const { repo } = await calls.setHead({ repo: first.name, repoId: first.id, head: 'refs/heads/a' });
    const now = { generation: repo?.refsGeneration ?? 0n };
    expect((await calls.checkRefs({ checks: [checkOf(first, now)] })).results).toEqual([{ unchanged: true, repo }]);
    await calls.deleteRepo({ name: first.name, expectedId: first.id });
    expect((await calls.checkRefs({ checks: [checkOf(first, now)] })).results).toEqual([open]);
  });

  it('looks at each partition once, and at no refs', async () => {
    const { partitions, repos } = await withRepos({}, [0, 1]);
    const looked: number[] = [];
    const handler = checkRefs({
      partitions: {
        partitionOf: (name) => partitions.partitionOf(name),
        served: () => partitions.served(),
        submit: () => Promise.reject(new Error('nothing is to be changed')),
        read(partition, work) {
          looked.push(partition);
          const range: StateReader['range'] = () => {
            throw new Error('no refs are to be read');
          };
          return partitions.read(partition, (state) => work({ get: (key) => state.get(key), range }));
        },
      },
    });
    const checks = Array.from({ length: 1_000 }, (_, at) => checkOf(repos[at % 2] ?? expectRepo()));
    const { results } = await handler({ checks }, within());
    expect(results.every(({ unchanged }) => unchanged)).toBe(true);
    expect(looked).toEqual([0, 1]);
  });

  it('refuses more than a thousand checks', async () => {
    const { calls, first } = await withRepos();
    const checks = Array.from({ length: 1_001 }, () => checkOf(first));
    await expect(calls.checkRefs({ checks })).rejects.toMatchObject({
      code: 'INVALID_ARGUMENT',
      details: { field: 'checks' },
    });
  });

  it('leaves a record that cannot be read to GetRefs, and answers the others of its partition', async () => {
    const { calls, logs, first, newRepo } = await withRepos();
    const other = await newRepo({ name: nameIn(0, 1) });
    logs.of(first.partition).state.write([{ key: repoKey(first.name), value: Buffer.from([9, 9, 9]) }]);
    const { results } = await calls.checkRefs({ checks: [checkOf(first), checkOf(other)] });
    expect(results).toEqual([open, { unchanged: true, repo: other }]);
    await expect(calls.getRefs({ repo: first.name })).rejects.toMatchObject({ code: 'DATA_CORRUPT' });
  });

  it('does not hide a fault of the node itself', async () => {
    const { first, partitions } = await withRepos();
    const handler = checkRefs({
      partitions: {
        partitionOf: (name) => partitions.partitionOf(name),
        served: () => [],
        submit: () => Promise.reject(new Error('nothing is to be changed')),
        read: () => {
          throw new TypeError('a bug');
        },
      },
    });
    await expect(handler({ checks: [checkOf(first)] }, within())).rejects.toThrow('a bug');
  });
});

function expectRepo(): never {
  throw new Error('a repository expected');
}
