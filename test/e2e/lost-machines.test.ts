import { rm, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { afterEach, describe, expect, it } from 'vitest';
import { generateHistory } from './generated-history.ts';
import type { GitClient } from './git-client.ts';
import { LocalCluster } from './local-cluster.ts';

let cluster: LocalCluster | undefined;
afterEach(async () => {
  await cluster?.remove();
  cluster = undefined;
});

async function pushCommit(client: GitClient, url: string, name: string): Promise<string> {
  await writeFile(join(client.folder, `${name}.txt`), `${name}\n`);
  const tip = await client.commit(`Add ${name}`);
  await client.git('push', '--quiet', url, 'main');
  return tip;
}

describe('one of three object nodes is lost', () => {
  it('takes pushes without it, and serves clones when another one is lost instead', async () => {
    cluster = await LocalCluster.start();
    const source = await generateHistory(join(cluster.folder, 'work', 'source'), {
      commits: 2_000,
      largeFileBytes: 8 << 20,
    });
    const url = `${await cluster.gitUrl()}/team/app`;

    await cluster.kill('object-1');
    await source.git('push', '--quiet', url, '--all');
    await source.git('push', '--quiet', url, '--tags');
    const first = await source.clone(url, 'without-object-1', '--mirror');
    expect(await first.refs()).toBe(await source.refs());
    await first.git('fsck', '--full');

    // The frontend's cache would hide a lost blob: with an empty one this clone has to read from the ring.
    await cluster.kill('frontend-1');
    await rm(join(cluster.dataDir, 'frontend-1', 'cache'), { recursive: true });
    await cluster.up();
    await cluster.kill('object-2');
    const degraded = await cluster.attempt(['cluster', 'status', '-o', 'json']);
    expect(degraded.code).toBe(5);
    // object-1 missed the push and object-2 is gone: object-3 alone has a verified copy.
    const second = await source.clone(`${await cluster.gitUrl()}/team/app`, 'without-object-2', '--mirror');
    expect(await second.refs()).toBe(await source.refs());
    await second.git('fsck', '--full');
  });

  it('refuses a push, changing nothing, when two of three are lost', async () => {
    cluster = await LocalCluster.start();
    const source = await generateHistory(join(cluster.folder, 'work', 'source'), { commits: 60, largeFileBytes: 0 });
    const url = `${await cluster.gitUrl()}/team/app`;
    await source.git('push', '--quiet', url, 'main');
    const before = await source.git('ls-remote', url);
    await cluster.kill('object-1');
    await cluster.kill('object-3');
    const refused = await source.attempt('push', url, 'main~1:refs/heads/other', 'main:refs/heads/more');
    // Nothing new has to be stored for refs to objects that are there already.
    expect(refused.code, refused.stderr).toBe(0);
    await writeFile(join(source.folder, 'new.txt'), 'new\n');
    await source.commit('Needs a blob');
    const lost = await source.attempt('push', url, 'main');
    expect(lost.code).not.toBe(0);
    expect(lost.stderr).toMatch(/object-[13]/);
    expect(await source.git('ls-remote', url, 'refs/heads/main')).toBe(
      before
        .split('\n')
        .filter((line) => line.endsWith('refs/heads/main'))
        .join('\n'),
    );
    await cluster.up();
    await source.git('push', '--quiet', url, 'main');
  });
});

describe('every process is killed at once', () => {
  it('has every acknowledged push when it is started again', async () => {
    cluster = await LocalCluster.start();
    const source = await generateHistory(join(cluster.folder, 'work', 'source'), {
      commits: 200,
      largeFileBytes: 1 << 20,
    });
    const url = `${await cluster.gitUrl()}/team/app`;
    await source.git('push', '--quiet', url, '--all');
    const acknowledged: string[] = [];
    const underWay = Promise.withResolvers<void>();
    const pushing = (async () => {
      for (let round = 1; ; round += 1) {
        acknowledged.push(await pushCommit(source, url, `round-${round}`));
        if (round === 3) underWay.resolve();
      }
    })();
    const failed = pushing.catch((error: unknown) => error);
    await Promise.race([pushing, underWay.promise]);
    await cluster.killEverything();
    expect(await failed).toBeInstanceOf(Error);

    await cluster.up();
    const copy = await source.clone(`${await cluster.gitUrl()}/team/app`, 'after-crash', '--mirror');
    await copy.git('fsck', '--full');
    const history = (await copy.git('rev-list', 'main')).split('\n');
    for (const tip of acknowledged) expect(history).toContain(tip);
  });
});
