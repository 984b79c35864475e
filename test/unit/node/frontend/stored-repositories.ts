import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { systemClock } from '../../../../src/base/clock.ts';
import { GitRunner } from '../../../../src/git/git-runner.ts';
import { zeroId } from '../../../../src/git/object-id.ts';
import { createBareRepository } from '../../../../src/node/frontend/bare-repository.ts';
import { publishPack } from '../../../../src/node/frontend/pack-publisher.ts';
import { receivePack } from '../../../../src/node/frontend/pack-receiver.ts';
import { gitOk, makePack } from './frontend-fixture.ts';
import { inChunks } from './git-checks.ts';
import { MemoryMetadata } from './memory-metadata.ts';
import { MemoryObjects } from './memory-objects.ts';

const signal = new AbortController().signal;

/** Repositories as the metadata and object services keep them, without a frontend: packs come as a push would store them. */
export class StoredRepositories {
  readonly folder = mkdtempSync(join(tmpdir(), 'stored-'));
  readonly metadata = new MemoryMetadata();
  readonly objects = new MemoryObjects();
  readonly #git = new GitRunner({ processesMax: 2, queueMax: 10 }, { clock: systemClock });
  #pushes = 0;

  /** Sets refs/heads/main to a working copy's HEAD, with a pack of its whole history. */
  async push(work: string, repo = 'owner/name'): Promise<void> {
    if (!this.metadata.repos.has(repo)) await this.metadata.createRepo({ name: repo, objectFormat: 1, head: '' });
    const stored = this.metadata.repos.get(repo);
    const tip = await gitOk(work, ['rev-parse', 'HEAD']);
    const oldId = stored?.refs.get('refs/heads/main')?.objectId;
    const pack = makePack(work, [tip]);
    await this.metadata.updateRefs({
      repo,
      repoId: stored?.repo.id ?? '',
      commands: [{ name: 'refs/heads/main', oldId: oldId ?? zeroId('sha1'), newId: tip, newPeeledId: '' }],
      atomic: false,
      packs: [await this.#store(pack)],
      pushId: Buffer.alloc(16),
      actor: 'test',
    });
  }

  remove(): void {
    rmSync(this.folder, { recursive: true, force: true, maxRetries: 5 });
  }

  async #store(pack: Buffer) {
    this.#pushes += 1;
    const path = join(this.folder, `push-${this.#pushes}.git`);
    await createBareRepository(path, 'sha1');
    const received = await receivePack(this.#git, {
      path,
      pack: inChunks(pack),
      packBytesMax: 2 ** 30,
      fairKey: 'r',
      signal,
    });
    return (await publishPack(this.objects, received, path, signal).published).ref;
  }
}
