import { execFileSync } from 'node:child_process';
import { mkdtempSync, readFileSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { systemClock } from '../../../../../src/base/clock.ts';
import { systemRandom } from '../../../../../src/base/random.ts';
import { MiB } from '../../../../../src/base/units.ts';
import type { MetadataApi, MetadataCallOptions } from '../../../../../src/client/metadata-api.ts';
import { GitRunner } from '../../../../../src/git/git-runner.ts';
import { formatOfId } from '../../../../../src/git/object-id.ts';
import { createBareRepository, packPath } from '../../../../../src/node/frontend/bare-repository.ts';
import { BareRepositoryCache } from '../../../../../src/node/frontend/bare-repository-cache.ts';
import { Repacker } from '../../../../../src/node/frontend/maintenance/repacker.ts';
import { ScratchFolder } from '../../../../../src/node/frontend/maintenance/scratch-folder.ts';
import { publishPack } from '../../../../../src/node/frontend/pack-publisher.ts';
import { RefReader } from '../../../../../src/node/frontend/ref-reader.ts';
import { ObjectFormat, type PackRef } from '../../../../../src/rpc/gen/stratum/v1/metadata.ts';
import { manualClock } from '../../../base/manual-clock.ts';
import type { Calls } from '../../metadata/sample-requests.ts';
import { sampleService } from '../../metadata/sample-service.ts';
import { gitOk, RecordingLog } from '../frontend-fixture.ts';
import { MemoryObjects } from '../memory-objects.ts';

export const repoName = 'team/app';
const zero = '0'.repeat(40);
const signal = new AbortController().signal;

/** A metadata service as its callers see it, over the real state machine; a call may be held up or made to fail. */
export class SampleMetadata {
  before: (call: string, options?: MetadataCallOptions) => Promise<void> | void = () => undefined;
  #hanging: string | undefined;
  readonly api: MetadataApi;

  constructor(calls: Calls) {
    const hold =
      <Request, Response>(name: string, call: (request: Request) => Promise<Response>) =>
      async (request: Request, options?: MetadataCallOptions): Promise<Response> => {
        await this.before(name, options);
        if (this.#hanging === name) await untilAborted(options?.signal);
        return await call(request);
      };
    this.api = {
      createRepo: hold('createRepo', calls.createRepo),
      deleteRepo: hold('deleteRepo', calls.deleteRepo),
      restoreRepo: hold('restoreRepo', calls.restoreRepo),
      renameRepo: hold('renameRepo', calls.renameRepo),
      listRepos: hold('listRepos', calls.listRepos),
      getRepo: hold('getRepo', calls.getRepo),
      getRefs: hold('getRefs', calls.getRefs),
      updateRefs: hold('updateRefs', calls.updateRefs),
      replacePacks: hold('replacePacks', calls.replacePacks),
      acquireMaintenance: hold('acquireMaintenance', calls.acquireMaintenance),
      releaseMaintenance: hold('releaseMaintenance', calls.releaseMaintenance),
      setHead: hold('setHead', calls.setHead),
      getRepoLog: hold('getRepoLog', calls.getRepoLog),
    };
  }

  /** From now on nobody answers this call: it ends by its caller's signal alone. */
  hang(call: string): void {
    this.#hanging = call;
  }
}

function untilAborted(signal: AbortSignal | undefined): Promise<never> {
  return new Promise((_, reject) => {
    if (signal?.aborted) reject(signal.reason);
    signal?.addEventListener('abort', () => reject(signal.reason));
  });
}

/** A repository behind real metadata and blobs in memory, to push to and to maintain, with the real git. */
export async function sampleMaintenance(format: 'sha1' | 'sha256' = 'sha1') {
  const folder = mkdtempSync(join(tmpdir(), 'maintenance-'));
  const clock = manualClock(1_700_000_000_000);
  const { calls, newRepo } = sampleService({ clock });
  const metadata = new SampleMetadata(calls);
  const objects = new MemoryObjects();
  const log = new RecordingLog();
  const objectFormat = format === 'sha1' ? ObjectFormat.SHA1 : ObjectFormat.SHA256;
  const { id: repoId } = await newRepo({ name: repoName, objectFormat });
  const git = new GitRunner({ processesMax: 2, queueMax: 10 }, { clock: systemClock });
  const stopping = new AbortController();
  let made = 0;

  const cacheIn = async (name: string) => {
    const refs = new RefReader(
      { cachedRefsMax: 1_000, timeoutMs: 5_000 },
      { clock: systemClock, metadata: metadata.api },
    );
    const bounds = { bytesMax: 1_000 * MiB, downloadsMax: 4, contentCheckIntervalMs: 1_000, metadataTimeoutMs: 5_000 };
    const repositories = new BareRepositoryCache(
      { folder: join(folder, name), ...bounds },
      { clock: systemClock, log, git, metadata: metadata.api, objects, refs, stopping: stopping.signal },
    );
    await repositories.open();
    return repositories;
  };

  const listed = async (): Promise<readonly PackRef[]> => {
    return (await calls.getRepo({ name: repoName, includePacks: true })).packs;
  };

  const idOf = async (work: string, revision: string) =>
    formatOfId(revision) === undefined ? await gitOk(work, ['rev-parse', revision]) : revision;

  /** Sets refs, to revisions of a working copy or, when empty, to nothing; with what the repository lacks as one pack. */
  const push = async (work: string, changes: Readonly<Record<string, string>>) => {
    const { refs } = await calls.getRefs({ repo: repoName });
    const current = new Map(refs.map(({ name, objectId }) => [name, objectId]));
    const none = format === 'sha1' ? zero : '0'.repeat(64);
    const commands = await Promise.all(
      Object.entries(changes).map(async ([name, revision]) => {
        const newId = revision === '' ? none : await idOf(work, revision);
        return { name, oldId: current.get(name) ?? none, newId, newPeeledId: '' };
      }),
    );
    const wanted = commands.filter(({ newId }) => newId !== none).map(({ newId }) => newId);
    const packs = wanted.length === 0 ? [] : await packOf(work, wanted, [...current.values()]);
    const request = { repo: repoName, repoId, commands, packs, actor: 'ada' };
    const answer = await calls.updateRefs(request);
    const refused = answer.results.filter(({ updated }) => !updated);
    if (refused.length > 0) throw new Error(`refused: ${refused.map(({ errorMessage }) => errorMessage).join()}`);
  };

  const packOf = async (work: string, wanted: readonly string[], had: readonly string[]) => {
    made += 1;
    const path = join(folder, `push-${made}.git`);
    await createBareRepository(path, format);
    const config = ['-c', 'pack.writeReverseIndex=true'];
    const args = [...config, 'pack-objects', '--revs', '--non-empty', '-q', join(path, 'objects', 'pack', 'pack')];
    const input = [...wanted, ...had.map((id) => `^${id}`)].map((line) => `${line}\n`).join('');
    const name = execFileSync('git', args, { cwd: work, input, encoding: 'utf8' }).trim();
    if (name === '') return [];
    const objectCount = readFileSync(packPath(path, name, 'pack')).readUInt32BE(8);
    return [(await publishPack(objects, { name, objectCount }, path, signal).published).ref];
  };

  /** Commits on main, each pushed for itself: so many packs with few processes. */
  const pushMany = async (work: string, count: number) => {
    if (count === 0) return;
    const tip = await gitOk(work, ['rev-parse', 'main']);
    const stream = Array.from({ length: count }, (_, at) => {
      const author = `committer A <a@example.org> ${1_700_000_000 + at} +0000\ndata 4\nmore\n`;
      const content = `${made} ${at}`;
      const from = at === 0 ? `from ${tip}\n` : '';
      return `commit refs/heads/main\n${author}${from}M 100644 inline many-${at}.txt\ndata ${content.length}\n${content}\n`;
    });
    execFileSync('git', ['fast-import', '--quiet'], { cwd: work, input: stream.join('') });
    await gitOk(work, ['reset', '-q', '--hard', 'main']);
    const ids = await gitOk(work, ['rev-list', '--reverse', `${tip}..main`]);
    for (const id of ids.split('\n')) await push(work, { 'refs/heads/main': id });
  };

  /** All objects that a frontend which has nothing yet gets, and that git finds nothing wrong with. */
  const allObjects = async (): Promise<string[]> => {
    made += 1;
    const cache = await cacheIn(`fresh-${made}`);
    return await cache.use(repoName, signal, async ({ path }) => {
      await gitOk(path, ['fsck', '--full', '--strict', '--no-dangling']);
      const lines = await gitOk(path, ['cat-file', '--batch-all-objects', '--batch-check=%(objectname)']);
      return lines.split('\n').filter((line) => line !== '');
    });
  };

  /** What repacks, as one frontend has it. */
  const repackerIn = async (name: string, graceMs = 1_000_000) => {
    const scratch = new ScratchFolder({ folder: join(folder, `${name}-scratch`) }, { random: systemRandom });
    await scratch.open();
    const repositories = await cacheIn(name);
    const modules = { clock, log, git, repositories, objects, metadata: metadata.api, scratch };
    return new Repacker({ graceMs, metadataTimeoutMs: 5_000 }, modules);
  };

  const stop = () => {
    stopping.abort(new Error('the test has ended'));
    rmSync(folder, { recursive: true, force: true, maxRetries: 5 });
  };
  return {
    folder,
    clock,
    calls,
    metadata,
    objects,
    log,
    git,
    repoId,
    cacheIn,
    listed,
    push,
    pushMany,
    allObjects,
    repackerIn,
    stop,
  };
}

/** What {@link sampleMaintenance} gives. */
export type SampleMaintenance = Awaited<ReturnType<typeof sampleMaintenance>>;
