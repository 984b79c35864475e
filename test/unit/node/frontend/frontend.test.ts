import { mkdirSync, mkdtempSync, readdirSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { describe, expect, it } from 'vitest';
import { systemClock } from '../../../../src/base/clock.ts';
import { systemRandom } from '../../../../src/base/random.ts';
import { Frontend } from '../../../../src/node/frontend/frontend.ts';
import {
  eventually,
  frontendOptions,
  gitOk,
  makePack,
  makeWork,
  RecordingLog,
  startFixture,
} from './frontend-fixture.ts';
import { MemoryMetadata } from './memory-metadata.ts';
import { MemoryObjects } from './memory-objects.ts';
import { MemorySharedCache } from './memory-shared-cache.ts';
import { head, openSocket, readAnswer } from './raw-http.ts';

function unstarted(options: { cacheDir: string; gitPath?: string }): Frontend {
  const modules = {
    clock: systemClock,
    random: systemRandom,
    log: new RecordingLog(),
    metadata: new MemoryMetadata(),
    objects: new MemoryObjects(),
    shared: new MemorySharedCache(),
    ready: () => true,
  };
  return new Frontend({ ...frontendOptions(options.cacheDir), ...options }, modules);
}

describe('Frontend', () => {
  it('has its URL after the start, and counts what it serves', async () => {
    const fixture = await startFixture();
    try {
      const work = await makeWork(fixture.folder);
      await gitOk(work, ['push', '-q', fixture.url(), 'main']);
      await gitOk(fixture.folder, ['clone', '-q', fixture.url(), 'clone']);
      expect(fixture.frontend.url).toMatch(/^http:\/\/127\.0\.0\.1:\d+$/);
      expect(fixture.frontend.counters.gitRequests).toBeGreaterThanOrEqual(4);
    } finally {
      await fixture.stop();
    }
  });

  it('does not start without git and says what to do; its URL is an error until then', async () => {
    const cacheDir = mkdtempSync(join(tmpdir(), 'frontend-'));
    const frontend = unstarted({ cacheDir, gitPath: join(cacheDir, 'no-git') });
    expect(() => frontend.url).toThrow(expect.objectContaining({ code: 'NOT_READY' }));
    await expect(frontend.start()).rejects.toMatchObject({ code: 'GIT_FAILED', hint: expect.stringContaining('git') });
    await frontend.stop();
    rmSync(cacheDir, { recursive: true });
  });

  it('sweeps quarantines of an interrupted process at the start', async () => {
    const cacheDir = mkdtempSync(join(tmpdir(), 'frontend-'));
    mkdirSync(join(cacheDir, 'quarantine', 'left'), { recursive: true });
    writeFileSync(join(cacheDir, 'quarantine', 'left', 'pack'), 'x');
    const frontend = unstarted({ cacheDir });
    await frontend.start();
    expect(readdirSync(join(cacheDir, 'quarantine'))).toEqual([]);
    await frontend.stop();
    rmSync(cacheDir, { recursive: true });
  });

  it('breaks off what is in flight when the stop may wait no longer, and ends its git processes', async () => {
    const fixture = await startFixture();
    const work = await makeWork(fixture.folder);
    const id = await gitOk(work, ['rev-parse', 'HEAD']);
    const command = `${'0'.repeat(40)} ${id} refs/heads/main\0report-status`;
    const start = `${(command.length + 4).toString(16).padStart(4, '0')}${command}0000`;
    const socket = openSocket(fixture.frontend.url);
    const headers = { 'Content-Type': 'application/x-git-receive-pack-request', 'Content-Length': 100_000 };
    socket.write(head('POST', '/owner/name.git/git-receive-pack', headers));
    socket.write(start);
    socket.write(makePack(work, ['HEAD']).subarray(0, 100));
    const answer = readAnswer(socket);
    const quarantine = join(fixture.folder, 'cache-0', 'quarantine');
    await eventually(() => expect(readdirSync(quarantine)).toHaveLength(1));
    await fixture.frontend.stop(AbortSignal.abort());
    expect((await answer).whole && (await answer).status === 200).toBe(false);
    expect(fixture.metadata.repos.size).toBe(0);
    await eventually(() => expect(readdirSync(quarantine)).toEqual([]));
    await fixture.stop();
  });

  it('finishes what is in flight when it may', async () => {
    const fixture = await startFixture();
    const work = await makeWork(fixture.folder);
    const writing = Promise.withResolvers<void>();
    const go = Promise.withResolvers<void>();
    fixture.objects.beforePut = () => {
      writing.resolve();
      return go.promise;
    };
    const pushing = gitOk(work, ['push', '-q', fixture.url(), 'main']);
    await writing.promise;
    const stopping = fixture.frontend.stop();
    go.resolve();
    await pushing;
    await stopping;
    expect(fixture.metadata.repos.get('owner/name')?.refs.size).toBe(1);
    await fixture.stop();
  });
});
