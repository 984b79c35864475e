import { describe, expect, it } from 'vitest';
import type { MetadataApi } from '../../src/client/metadata-api.ts';
import {
  CreateRepoRequest,
  GetRefsRequest,
  GetRepoLogRequest,
  ListReposRequest,
  ReplacePacksRequest,
  type Repo,
  UpdateRefsRequest,
} from '../../src/rpc/gen/stratum/v1/metadata.ts';
import { command, id, pack } from '../unit/node/metadata/sample-requests.ts';
import { nameIn } from '../unit/node/metadata/sample-service.ts';

const longName = `refs/heads/${'ä'.repeat(100)}/😀`;

async function newRepo(api: MetadataApi, name = 'team/app'): Promise<Repo> {
  const { repo } = await api.createRepo(CreateRepoRequest.create({ name }));
  if (repo === undefined) throw new Error('the answer holds no repository');
  return repo;
}

const pushTo = (repo: Repo, number: number, changes: Partial<UpdateRefsRequest>) =>
  UpdateRefsRequest.create({ repo: repo.name, repoId: repo.id, pushId: Buffer.alloc(16, number), ...changes });

/** What callers of the metadata service rely on, however it is reached. */
export function describeMetadataApi(name: string, connect: () => Promise<MetadataApi>): void {
  describe(`MetadataApi: ${name}`, () => {
    it('carries a repository through its life', async () => {
      const api = await connect();
      const repo = await newRepo(api);
      const commands = [command('refs/heads/main', '', 'a'), command(longName, '', 'b')];
      const pushed = await api.updateRefs(pushTo(repo, 1, { commands, packs: [pack(1)], actor: 'ada' }));
      expect(pushed).toMatchObject({ results: [{ updated: true }, { updated: true }], refsGeneration: 2n });
      const { refs } = await api.getRefs(GetRefsRequest.create({ repo: repo.name }));
      expect(refs).toEqual([
        { name: 'refs/heads/main', objectId: id('a'), peeledId: '' },
        { name: longName, objectId: id('b'), peeledId: '' },
      ]);
      const replaced = ReplacePacksRequest.create({
        repo: repo.name,
        repoId: repo.id,
        remove: [pack(1).name],
        add: [pack(2), pack(3)],
        expectedGeneration: 2n,
      });
      expect(await api.replacePacks(replaced)).toEqual({ packsGeneration: 3n });
      const headed = await api.setHead({ repo: repo.name, repoId: repo.id, head: longName });
      expect(headed.repo).toMatchObject({ head: longName, refsGeneration: 3n });
      const shown = await api.getRepo({ name: repo.name, includePacks: true });
      expect(shown.packs.map(({ name: packName }) => packName)).toEqual([pack(2).name, pack(3).name]);
      expect(shown.packs[0]?.packOid.equals(pack(2).packOid)).toBe(true);
      const { entries } = await api.getRepoLog(GetRepoLogRequest.create({ repo: repo.name }));
      expect(entries.map(({ ref, actor }) => [ref, actor])).toEqual([
        [longName, 'ada'],
        ['refs/heads/main', 'ada'],
      ]);
      expect(await api.deleteRepo({ name: repo.name, expectedId: repo.id })).toMatchObject({ deleted: true });
      await expect(api.getRepo({ name: repo.name, includePacks: false })).rejects.toMatchObject({
        code: 'REPO_NOT_FOUND',
      });
    });

    it('gives the lease of a maintenance to one, and replaces packs under a push', async () => {
      const api = await connect();
      const repo = await newRepo(api);
      const lease = { repo: repo.name, repoId: repo.id, holder: 'f1', ttlMs: 60_000n };
      expect(await api.acquireMaintenance(lease)).toMatchObject({ granted: true, holder: 'f1' });
      expect(await api.acquireMaintenance({ ...lease, holder: 'f2' })).toMatchObject({ granted: false, holder: 'f1' });
      const pushOf = (number: number) =>
        pushTo(repo, number, { commands: [command(`refs/heads/b${number}`, '', 'a')], packs: [pack(number)] });
      await api.updateRefs(pushOf(1));
      await api.updateRefs(pushOf(2));
      const swap = { repo: repo.name, repoId: repo.id, remove: [pack(1).name], add: [pack(9)], expectedGeneration: 2n };
      await expect(api.replacePacks(swap)).rejects.toMatchObject({ code: 'VERSION_CONFLICT' });
      expect(await api.replacePacks({ ...swap, allowAdded: true })).toEqual({ packsGeneration: 4n });
      const { packs } = await api.getRepo({ name: repo.name, includePacks: true });
      expect(packs.map(({ name: packName }) => packName)).toEqual([pack(2).name, pack(9).name]);
      const release = { repo: repo.name, repoId: repo.id, holder: 'f1' };
      expect(await api.releaseMaintenance(release)).toEqual({ released: true });
      expect(await api.acquireMaintenance({ ...lease, holder: 'f2' })).toMatchObject({ granted: true });
    });

    it('tells errors with code, details and hint', async () => {
      const api = await connect();
      const repo = await newRepo(api);
      await expect(newRepo(api)).rejects.toMatchObject({
        code: 'REPO_EXISTS',
        details: { kind: 'repository', id: repo.name },
      });
      await expect(api.getRefs(GetRefsRequest.create({ repo: 'team/none' }))).rejects.toMatchObject({
        code: 'REPO_NOT_FOUND',
        hint: expect.stringContaining('stratum repo'),
      });
      await expect(api.createRepo(CreateRepoRequest.create({ name: '../x' }))).rejects.toMatchObject({
        code: 'INVALID_ARGUMENT',
        details: { field: 'name' },
      });
      const stale = ReplacePacksRequest.create({ repo: repo.name, repoId: repo.id, expectedGeneration: 9n });
      await expect(api.replacePacks(stale)).rejects.toMatchObject({
        code: 'VERSION_CONFLICT',
        details: { expected: '9', current: '1' },
      });
    });

    it('tells the fate of each ref, and the same again for a repeated push', async () => {
      const api = await connect();
      const repo = await newRepo(api);
      const push = pushTo(repo, 1, {
        commands: [command('refs/heads/a', '', '1'), command('refs/heads/a..', '', '1')],
      });
      const first = await api.updateRefs(push);
      expect(first.results).toMatchObject([{ updated: true }, { updated: false, errorCode: 'REF_NAME_INVALID' }]);
      expect(await api.updateRefs(push)).toEqual({ ...first, replayed: true });
    });

    it('shows every read what was acknowledged before it, with exactly one winner for each value', async () => {
      const api = await connect();
      const repo = await newRepo(api);
      const generations: bigint[] = [];
      for (let round = 1; round <= 5; round += 1) {
        const answers = await Promise.all(
          Array.from({ length: 8 }, (_, at) =>
            api.updateRefs(
              pushTo(repo, round * 10 + at, {
                commands: [command('refs/heads/a', round === 1 ? '' : `${round - 1}`, `${round}`)],
              }),
            ),
          ),
        );
        expect(answers.filter(({ results }) => results[0]?.updated)).toHaveLength(1);
        const { refs, repo: seen } = await api.getRefs(GetRefsRequest.create({ repo: repo.name }));
        expect(refs[0]?.objectId).toBe(id(round));
        generations.push(seen?.refsGeneration ?? 0n);
      }
      expect(generations).toEqual([2n, 3n, 4n, 5n, 6n]);
    });

    it('says "not modified" to each of many callers for whose repository it holds, and only to them', async () => {
      const api = await connect();
      const repos = await Promise.all([0, 1, 2, 3].map((partition) => newRepo(api, nameIn(partition))));
      await api.renameRepo({ name: nameIn(0), expectedId: repos[0]?.id ?? '', newName: nameIn(1, 1) });
      const named = [nameIn(1, 1), ...repos.slice(1).map((repo) => repo.name)];
      const known = await Promise.all(
        named.map(async (repo) => {
          const answer = await api.getRefs(GetRefsRequest.create({ repo }));
          if (answer.repo === undefined) throw new Error('the answer holds no repository');
          return answer.repo;
        }),
      );
      const asked = known.map(({ name: repo, id: ifRepoId, refsGeneration: ifGenerationNot }) =>
        GetRefsRequest.create({ repo, ifRepoId, ifGenerationNot }),
      );
      const ask = () => Promise.all([...asked, ...asked].map((request) => api.getRefs(request)));
      const unmodified = known.map((repo) => ({ notModified: true, repo, refs: [] }));
      expect(await ask()).toEqual([...unmodified, ...unmodified]);
      for (const [at, repo] of known.entries()) {
        await api.updateRefs(pushTo(repo, at, { commands: [command('refs/heads/a', '', `${at}`)] }));
        const answers = await ask();
        const fates = answers.map(({ notModified, refs }) => (notModified ? '' : refs[0]?.objectId));
        const expected = known.map((_, place) => (place <= at ? id(place) : ''));
        expect(fates).toEqual([...expected, ...expected]);
      }
      const none = GetRefsRequest.create({ ...asked[0], repo: 'team/none' });
      await expect(api.getRefs(none)).rejects.toMatchObject({ code: 'REPO_NOT_FOUND' });
    });

    it('lists the repositories of all partitions by name, page after page', async () => {
      const api = await connect();
      const names = Array.from({ length: 23 }, (_, at) => `team/${String(at).padStart(2, '0')}`);
      await Promise.all(names.map((repoName) => newRepo(api, repoName)));
      await newRepo(api, 'other/x');
      const partitions = new Set<number>();
      const seen: string[] = [];
      let pageToken = '';
      do {
        const page = await api.listRepos(ListReposRequest.create({ prefix: 'team/', pageSize: 5, pageToken }));
        for (const repo of page.repos) {
          seen.push(repo.name);
          partitions.add(repo.partition);
        }
        pageToken = page.nextPageToken;
      } while (pageToken !== '');
      expect(seen).toEqual(names);
      expect(partitions.size).toBeGreaterThan(1);
    });

    it('renames a repository, wherever the names lead, and goes on with it under the new one', async () => {
      const api = await connect();
      const names = [nameIn(0), nameIn(1), nameIn(2), nameIn(0, 3), nameIn(3), nameIn(0)];
      const repo = await newRepo(api, names[0]);
      await api.updateRefs(pushTo(repo, 1, { commands: [command('refs/heads/a', '', '0')] }));
      for (const [at, newName] of names.entries()) {
        if (at === 0) continue;
        const name = names[at - 1] ?? '';
        await api.renameRepo({ name, expectedId: repo.id, newName });
        const named = { ...repo, name: newName };
        const commands = [command('refs/heads/a', `${at - 1}`, `${at}`)];
        const { results } = await api.updateRefs(pushTo(named, at + 1, { commands }));
        expect(results).toMatchObject([{ updated: true }]);
        const read = await api.getRefs(GetRefsRequest.create({ repo: newName }));
        expect(read).toMatchObject({ repo: { id: repo.id, name: newName }, refs: [{ objectId: id(at) }] });
        await expect(api.getRepo({ name, includePacks: false })).rejects.toMatchObject({ code: 'REPO_NOT_FOUND' });
        const taken = await newRepo(api, name);
        await expect(api.renameRepo({ name: newName, expectedId: repo.id, newName: name })).rejects.toMatchObject({
          code: 'REPO_EXISTS',
          details: { id: name },
        });
        await api.deleteRepo({ name, expectedId: taken.id });
      }
      const { repos } = await api.listRepos(ListReposRequest.create());
      expect(repos.map(({ name: listed }) => listed)).toEqual([nameIn(0)]);
    });

    it('brings deleted repositories back, by id or by name', async () => {
      const api = await connect();
      const [one, two] = [await newRepo(api, nameIn(0)), await newRepo(api, nameIn(1))];
      for (const { name: deleted, id: expectedId } of [one, two]) await api.deleteRepo({ name: deleted, expectedId });
      const listed = await api.listRepos(ListReposRequest.create({ deleted: true }));
      expect(listed.repos.map(({ id: repoId }) => repoId).sort()).toEqual([one.id, two.id].sort());
      expect((await api.restoreRepo({ name: one.name })).repo).toEqual(one);
      const moved = await api.restoreRepo({ id: two.id, newName: nameIn(2) });
      expect(moved.repo).toMatchObject({ id: two.id, name: nameIn(2), partition: two.partition });
      expect((await api.getRepo({ name: nameIn(2), includePacks: false })).repo).toEqual(moved.repo);
      for (const gone of [api.restoreRepo({ id: one.id }), api.restoreRepo({ name: 'team/none' })]) {
        await expect(gone).rejects.toMatchObject({ code: 'REPO_NOT_FOUND' });
      }
    });

    it('does not guess which of several deleted repositories of one name is meant', async () => {
      const api = await connect();
      const ids: string[] = [];
      for (let times = 0; times < 2; times += 1) {
        const repo = await newRepo(api);
        await api.deleteRepo({ name: repo.name, expectedId: repo.id });
        ids.push(repo.id);
      }
      await expect(api.restoreRepo({ name: 'team/app' })).rejects.toMatchObject({
        code: 'INVALID_ARGUMENT',
        message: expect.stringContaining(ids[0] ?? '?'),
      });
      await expect(api.restoreRepo({})).rejects.toMatchObject({ code: 'INVALID_ARGUMENT' });
      expect((await api.restoreRepo({ id: ids[1] ?? '' })).repo).toMatchObject({ id: ids[1] });
    });

    it('reads refs by prefix and the log of one ref', async () => {
      const api = await connect();
      const repo = await newRepo(api);
      const commands = ['refs/heads/a', 'refs/tags/b'].map((ref) => command(ref, '', 'x'));
      await api.updateRefs(pushTo(repo, 1, { commands }));
      const { refs } = await api.getRefs(GetRefsRequest.create({ repo: repo.name, prefixes: ['refs/tags/'] }));
      expect(refs.map((ref) => ref.name)).toEqual(['refs/tags/b']);
      const { entries } = await api.getRepoLog(GetRepoLogRequest.create({ repo: repo.name, ref: 'refs/heads/a' }));
      expect(entries.map(({ ref }) => ref)).toEqual(['refs/heads/a']);
    });

    it('gives a repeated creation the repository that it made', async () => {
      const api = await connect();
      const request = CreateRepoRequest.create({ name: 'team/app', requestId: Buffer.alloc(16, 1) });
      expect(await api.createRepo(request)).toEqual(await api.createRepo(request));
    });

    it('ends a call whose caller has gone', async () => {
      const api = await connect();
      const signal = AbortSignal.abort(new Error('gone'));
      await expect(api.getRefs(GetRefsRequest.create({ repo: 'team/app' }), { signal })).rejects.toThrow('gone');
    });

    it('refuses a push that is over the limits before it goes anywhere', async () => {
      const api = await connect();
      const repo = await newRepo(api);
      const commands = Array.from({ length: 100_001 }, () => command('refs/heads/a', '', '1'));
      await expect(api.updateRefs(pushTo(repo, 1, { commands }))).rejects.toMatchObject({
        code: 'TOO_LARGE',
        details: { limit: 100_000n, actual: 100_001n },
      });
    });
  });
}
