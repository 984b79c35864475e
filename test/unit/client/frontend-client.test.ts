import { afterEach, describe, expect, it } from 'vitest';
import { systemClock } from '../../../src/base/clock.ts';
import { StratumError } from '../../../src/base/errors.ts';
import { FrontendClient } from '../../../src/client/frontend-client.ts';
import { frontendService } from '../../../src/node/frontend/frontend-service.ts';
import { ChannelPool } from '../../../src/rpc/channel-pool.ts';
import { FrontendServiceService } from '../../../src/rpc/gen/stratum/v1/frontend.ts';
import { GrpcServer } from '../../../src/rpc/grpc-server.ts';
import { manualClock } from '../base/manual-clock.ts';
import { sampleProgress, sampleStats } from '../cli/fake-frontend.ts';
import { type SampleControl, sampleControl } from '../node/frontend/sample-control.ts';

const closers: (() => unknown)[] = [];

afterEach(async () => {
  for (const close of closers.splice(0).reverse()) await close();
});

const signal = new AbortController().signal;
const question = { repo: 'team/app', ref: undefined, depth: 1 };

interface Served {
  readonly client: FrontendClient;
  readonly control: SampleControl;
  readonly server: GrpcServer;
}

/** A frontend's service on a listener of its own; `hosts` is false for one of an older version. */
async function serve(
  options: { hosts?: boolean; timeoutMs?: number; clock?: typeof systemClock } = {},
): Promise<Served> {
  const { hosts = true, timeoutMs = 5_000, clock = systemClock } = options;
  const { control, modules } = sampleControl();
  const server = new GrpcServer({ host: '127.0.0.1', port: 0 });
  if (hosts) server.add(FrontendServiceService, frontendService(modules));
  await server.start();
  closers.push(() => server.stop(AbortSignal.abort()));
  const channels = new ChannelPool();
  closers.push(() => channels.close());
  const { address: endpoint } = server;
  return {
    client: new FrontendClient({ nodeId: 'frontend-1', endpoint, timeoutMs }, { channels, clock }),
    control,
    server,
  };
}

describe('FrontendClient', () => {
  it('gives the counts as the frontend has them', async () => {
    const { client, control } = await serve();
    const names = Object.keys(sampleStats());
    control.counts = sampleStats(Object.fromEntries(names.map((name, index) => [name, index + 1])));
    expect(await client.cacheStats(signal)).toEqual(control.counts);
  });

  it.each([
    [undefined, undefined],
    ['ab'.repeat(32), { sizeBytes: 4_096, storedAtMs: 1_700_000_000_000, usedAtMs: 1_700_000_060_000 }],
  ])('gives an explanation as the frontend has it, with key %s', async (key, entry) => {
    for (const verdict of ['hit', 'join', 'miss'] as const) {
      const { client, control } = await serve();
      control.explanation = { ...control.explanation, verdict, key, entry };
      expect(await client.explainCache(question, signal)).toEqual(control.explanation);
      expect(control.asked).toEqual([question]);
    }
  });

  it('warms and purges', async () => {
    const { client, control } = await serve();
    const warmed = { wasStored: true, sizeBytes: 4_096, ref: 'refs/heads/main', objectId: 'c'.repeat(40) };
    expect(await client.warmCache(question, signal)).toEqual(warmed);
    const request = { repo: undefined, repositories: true, dryRun: true };
    const purged = { entries: 1, entryBytes: 2, repositories: 3, repositoryBytes: 4 };
    expect(await client.purgeCache(request, signal)).toEqual(purged);
    expect(control.asked).toEqual([question, request]);
  });

  it('gives the steps of a repacking as they begin', async () => {
    const { client, control } = await serve();
    const counts = { packsBefore: 60, packsAfter: 1, bytesBefore: 9_000, bytesAfter: 7_000 };
    control.steps = [sampleProgress('repack'), sampleProgress('done', { ...counts, changed: true })];
    const request = { repo: 'team/app', full: false, dryRun: false };
    expect(await Array.fromAsync(client.maintainRepo(request, signal))).toEqual(control.steps);
  });

  it('tells the frontend when the follower of a repacking leaves', async () => {
    const { client, control } = await serve();
    const left = Promise.withResolvers<unknown>();
    let steps = 0;
    control.beforeStep = async () => {
      steps += 1;
      if (steps === 1) return;
      control.signals[0]?.addEventListener('abort', left.resolve, { once: true });
      await left.promise;
    };
    for await (const { step } of client.maintainRepo({ repo: 'team/app', full: false, dryRun: false }, signal)) {
      expect(step).toBe('lease');
      break;
    }
    await left.promise;
    expect(control.signals.map(({ aborted }) => aborted)).toEqual([true]);
  });

  it('says that a repacking did not end when the frontend does', async () => {
    const { client, control } = await serve();
    control.steps = [sampleProgress('repack')];
    const steps = Array.fromAsync(client.maintainRepo({ repo: 'team/app', full: false, dryRun: false }, signal));
    await expect(steps).rejects.toMatchObject({ code: 'UNREACHABLE', hint: expect.stringContaining('begins again') });
  });

  it('waits for the first step as long as for an answer, and longer for the others', async () => {
    const clock = manualClock();
    const { client, control } = await serve({ clock: { ...clock, nowMs: systemClock.nowMs }, timeoutMs: 1_000 });
    const asked = Promise.withResolvers<void>();
    const more = Promise.withResolvers<void>();
    control.beforeStep = () => {
      asked.resolve();
      return more.promise;
    };
    const request = { repo: 'team/app', full: false, dryRun: false };
    const steps = client.maintainRepo(request, signal);
    const first = steps.next();
    first.catch(() => undefined); // Looked at below.
    await asked.promise;
    clock.advance(1_000);
    await expect(first).rejects.toMatchObject({ code: 'DEADLINE_EXCEEDED', details: { timeoutMs: 1_000 } });
    more.resolve();

    const patient = client.maintainRepo(request, signal);
    expect((await patient.next()).value).toMatchObject({ step: 'lease' });
    clock.advance(3_600_000);
    expect((await patient.next()).value).toMatchObject({ step: 'done' });
  });

  it('says in words that a frontend is of an older version', async () => {
    const { client } = await serve({ hosts: false });
    const expected = {
      code: 'UNIMPLEMENTED',
      message: 'frontend-1 runs a version of Stratum that cannot be asked this',
      hint: expect.stringContaining('node list'),
    };
    await expect(client.cacheStats(signal)).rejects.toMatchObject(expected);
    await expect(client.explainCache(question, signal)).rejects.toMatchObject(expected);
    const steps = client.maintainRepo({ repo: 'team/app', full: false, dryRun: false }, signal);
    await expect(steps.next()).rejects.toMatchObject(expected);
  });

  it('passes on what the frontend refuses, and that nobody answers', async () => {
    const { client, control, server } = await serve();
    control.explain = async () => {
      throw new StratumError('REPO_NOT_FOUND', 'no team/app', { kind: 'repo', id: 'team/app' });
    };
    await expect(client.explainCache(question, signal)).rejects.toMatchObject({ code: 'REPO_NOT_FOUND' });
    await server.stop(AbortSignal.abort());
    await expect(client.cacheStats(signal)).rejects.toMatchObject({ code: 'UNREACHABLE' });
  });

  it('gives up a call with its signal', async () => {
    const { client, control } = await serve();
    const caller = new AbortController();
    const gone = Promise.withResolvers<void>();
    const reason = new Error('interrupted');
    control.warm = (_question, work) => {
      work.addEventListener('abort', () => gone.resolve(), { once: true });
      caller.abort(reason);
      return new Promise(() => undefined);
    };
    await expect(client.warmCache(question, caller.signal)).rejects.toBe(reason);
    await gone.promise;
  });
});
