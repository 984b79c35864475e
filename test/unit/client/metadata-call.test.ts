import { describe, expect, it, onTestFinished } from 'vitest';
import type { ErrorCode } from '../../../src/base/error-codes.ts';
import { StratumError } from '../../../src/base/errors.ts';
import { MetadataClient, type MetadataClientOptions } from '../../../src/client/metadata-client.ts';
import type { MetadataHandlers } from '../../../src/client/metadata-handlers.ts';
import { ChannelPool } from '../../../src/rpc/channel-pool.ts';
import {
  CreateRepoRequest,
  GetRefsRequest,
  GetRefsResponse,
  ListReposRequest,
  ReplacePacksRequest,
  Repo,
  UpdateRefsRequest,
  UpdateRefsResponse,
} from '../../../src/rpc/gen/stratum/v1/metadata.ts';
import { type ManualClock, manualClock } from '../base/manual-clock.ts';
import { heldTopology, metadataCluster } from '../node/metadata/sample-topology.ts';

type Answer = 'ok' | 'hang' | ErrorCode;

/** Errors that a metadata node gives, with details that do not matter here. */
function errorOf(code: ErrorCode): StratumError {
  const Any = StratumError as new (code: ErrorCode, message: string, details: unknown) => StratumError;
  return new Any(code, `${code} from the node`, {
    endpoint: 'm1',
    partition: 0,
    epoch: 1n,
    kind: 'repository',
    id: 'a/b',
  });
}

/** A client of one node in this process that answers each call by the next word of a script. */
function scripted(script: readonly Answer[], options: MetadataClientOptions = {}) {
  const calls: string[] = [];
  const requests: unknown[] = [];
  const clock = manualClock();
  const topology = heldTopology(metadataCluster({ m1: '127.0.0.1:1' }, { partitions: 1 }));
  const next =
    <Response>(name: string, response: Response) =>
    async (request: unknown): Promise<Response> => {
      const answer = script[calls.length] ?? 'ok';
      calls.push(name);
      requests.push(request);
      if (answer === 'hang') return new Promise<never>(() => undefined);
      if (answer !== 'ok') throw errorOf(answer);
      return response;
    };
  const handlers: MetadataHandlers = {
    createRepo: next('createRepo', { repo: Repo.create({ name: 'a/b' }) }),
    deleteRepo: next('deleteRepo', { deleted: true }),
    restoreRepo: next('restoreRepo', { repo: Repo.create({ name: 'a/b' }) }),
    renameRepo: next('renameRepo', { repo: Repo.create({ name: 'a/c' }) }),
    listRepos: next('listRepos', { repos: [], nextPageToken: '' }),
    getRepo: next('getRepo', { repo: Repo.create({ name: 'a/b' }), packs: [] }),
    getRefs: next('getRefs', GetRefsResponse.create()),
    checkRefs: next('checkRefs', { results: [] }),
    updateRefs: next('updateRefs', UpdateRefsResponse.create()),
    replacePacks: next('replacePacks', { packsGeneration: 1n }),
    acquireMaintenance: next('acquireMaintenance', { granted: true, holder: 'f1', expiresAtMs: 1n }),
    releaseMaintenance: next('releaseMaintenance', { released: true }),
    setHead: next('setHead', { repo: Repo.create({ name: 'a/b' }) }),
    getRepoLog: next('getRepoLog', { entries: [], nextPageToken: '' }),
    reserveName: next('reserveName', {}),
    releaseName: next('releaseName', { released: true }),
    confirmName: next('confirmName', { held: true }),
  };
  const channels = new ChannelPool();
  onTestFinished(() => channels.close());
  const random = { next: () => 1, bytes: (length: number) => Buffer.alloc(length) };
  const client = new MetadataClient(options, { clock, random, topology, channels, local: () => handlers });
  return { client, calls, requests, clock, topology };
}

/** Lets time pass until a call has ended; nothing here takes real time. */
async function passTime(clock: ManualClock, call: Promise<unknown>): Promise<unknown> {
  let ended = false;
  const settled = call.finally(() => {
    ended = true;
  });
  settled.catch(() => undefined); // The caller looks at the outcome.
  for (let step = 0; step < 2_000 && !ended; step += 1) {
    for (let turn = 0; turn < 20; turn += 1) await Promise.resolve();
    if (!ended) clock.advance(50);
  }
  return settled;
}

/** Lets what has been asked for happen, without time passing. */
async function until(condition: () => boolean): Promise<void> {
  for (let turn = 0; !condition(); turn += 1) {
    if (turn > 10_000) throw new Error('what was waited for does not happen');
    await Promise.resolve();
  }
}

const methods = {
  getRefs: (client: MetadataClient) => client.getRefs(GetRefsRequest.create({ repo: 'a/b' })),
  listRepos: (client: MetadataClient) => client.listRepos(ListReposRequest.create()),
  updateRefs: (client: MetadataClient) => client.updateRefs(UpdateRefsRequest.create({ repo: 'a/b' })),
  createRepo: (client: MetadataClient) => client.createRepo(CreateRepoRequest.create({ name: 'a/b' })),
  deleteRepo: (client: MetadataClient) => client.deleteRepo({ name: 'a/b', expectedId: '1' }),
  replacePacks: (client: MetadataClient) => client.replacePacks(ReplacePacksRequest.create({ repo: 'a/b' })),
  acquireMaintenance: (client: MetadataClient) =>
    client.acquireMaintenance({ repo: 'a/b', repoId: '1', holder: 'f1', ttlMs: 1n }),
  releaseMaintenance: (client: MetadataClient) => client.releaseMaintenance({ repo: 'a/b', repoId: '1', holder: 'f1' }),
  renameRepo: (client: MetadataClient) => client.renameRepo({ name: 'a/b', expectedId: '1', newName: 'a/c' }),
  restoreRepo: (client: MetadataClient) => client.restoreRepo({ id: '1', home: 0 }),
  reserveName: (client: MetadataClient) =>
    client.reserveName({ name: 'a/b', repoId: '1', home: 0, token: Buffer.alloc(16) }),
  releaseName: (client: MetadataClient) => client.releaseName({ name: 'a/b', token: Buffer.alloc(16) }),
  confirmName: (client: MetadataClient) =>
    client.confirmName({ name: 'a/b', repoId: '1', home: 0, token: Buffer.alloc(16) }),
  setHead: (client: MetadataClient) => client.setHead({ repo: 'a/b', repoId: '1', head: 'refs/heads/x' }),
};
type Method = keyof typeof methods;

describe('a call to the metadata service', () => {
  const refusals: Answer[] = [
    'NOT_PRIMARY',
    'NOT_READY',
    'STALE_EPOCH',
    'SHUTTING_DOWN',
    'OVERLOADED',
    'INSUFFICIENT_REPLICAS',
  ];
  it.each(Object.keys(methods) as Method[])('tries %s again after refusals that cannot last', async (method) => {
    const { client, calls, clock } = scripted(refusals);
    await passTime(clock, methods[method](client));
    expect(calls).toEqual(Array(refusals.length + 1).fill(method));
  });

  it.each([
    'getRefs',
    'listRepos',
    'updateRefs',
    'createRepo',
    'deleteRepo',
    'replacePacks',
    'acquireMaintenance',
    'releaseMaintenance',
    'reserveName',
    'releaseName',
    'confirmName',
  ] as const)('repeats %s when the connection broke or no answer came', async (method) => {
    const { client, calls, clock } = scripted(['UNREACHABLE', 'hang', 'CANCELLED']);
    await passTime(clock, methods[method](client));
    expect(calls).toHaveLength(4);
  });

  it.each([
    ['renameRepo', 'UNREACHABLE'],
    ['restoreRepo', 'hang'],
    ['setHead', 'UNREACHABLE'],
    ['setHead', 'hang'],
  ] as const)('does not do %s a second time when its outcome is unknown (%s), and says so', async (method, answer) => {
    const { client, calls, clock } = scripted(['NOT_PRIMARY', answer]);
    await expect(passTime(clock, methods[method](client))).rejects.toMatchObject({
      code: 'DEADLINE_EXCEEDED',
      message: expect.stringContaining('outcome is unknown'),
    });
    expect(calls).toHaveLength(2);
  });

  it.each([
    ['REPO_NOT_FOUND', 'getRefs'],
    ['VERSION_CONFLICT', 'replacePacks'],
    ['REPO_EXISTS', 'createRepo'],
    ['INTERNAL', 'updateRefs'],
    ['TOO_LARGE', 'updateRefs'],
  ] as const)('gives %s of %s to its caller at once', async (code, method) => {
    const { client, calls, clock } = scripted([code]);
    await expect(passTime(clock, methods[method](client))).rejects.toMatchObject({ code, hint: undefined });
    expect(calls).toHaveLength(1);
  });

  it.each([
    ['updateRefs', 'REPO_NOT_FOUND'],
    ['updateRefs', 'INTERNAL'],
    ['createRepo', 'INTERNAL'],
    ['replacePacks', 'VERSION_CONFLICT'],
    ['deleteRepo', 'INTERNAL'],
  ] as const)('does not take %s for failed because a repetition of it is refused (%s)', async (method, code) => {
    const { client, calls, clock } = scripted(['UNREACHABLE', code]);
    await expect(passTime(clock, methods[method](client))).rejects.toMatchObject({
      code: 'DEADLINE_EXCEEDED',
      message: expect.stringContaining('outcome is unknown'),
      cause: { code },
    });
    expect(calls).toHaveLength(2);
  });

  it.each([
    ['createRepo', 'REPO_EXISTS'],
    ['updateRefs', 'INVALID_ARGUMENT'],
    ['updateRefs', 'TOO_LARGE'],
    ['deleteRepo', 'VERSION_CONFLICT'],
  ] as const)('knows that %s failed when a repetition of it is refused (%s)', async (method, code) => {
    const { client, clock } = scripted(['hang', code]);
    await expect(passTime(clock, methods[method](client))).rejects.toMatchObject({ code });
  });

  it('repeats a creation with the request id of its first try', async () => {
    const { client, clock, requests } = scripted(['UNREACHABLE', 'NOT_READY']);
    await passTime(clock, methods.createRepo(client));
    const ids = requests.map((request) => (request as CreateRepoRequest).requestId?.toString('hex'));
    expect(ids).toEqual(Array(3).fill('00'.repeat(16)));
  });

  it.each([
    ['a read that hangs', 'getRefs', 'hang', 'DEADLINE_EXCEEDED', /did not finish/],
    ['a read whose node is gone', 'getRefs', 'UNREACHABLE', 'UNREACHABLE', /from the node/],
    ['a write that was refused each time', 'updateRefs', 'NOT_READY', 'NOT_READY', /from the node/],
    [
      'a write for which replicas were missing each time',
      'updateRefs',
      'INSUFFICIENT_REPLICAS',
      'INSUFFICIENT_REPLICAS',
      /from the node/,
    ],
    ['a write whose node is gone', 'updateRefs', 'UNREACHABLE', 'DEADLINE_EXCEEDED', /outcome is unknown/],
    ['a write that hangs', 'updateRefs', 'hang', 'DEADLINE_EXCEEDED', /outcome is unknown/],
  ] as const)('ends %s within its time and says what is known', async (_, method, answer, code, words) => {
    const { client, clock } = scripted(Array(1_000).fill(answer), { readTimeoutMs: 4_000, writeTimeoutMs: 4_000 });
    const startMs = clock.monotonicMs();
    await expect(passTime(clock, methods[method](client))).rejects.toMatchObject({
      code,
      message: expect.stringMatching(words),
    });
    expect(clock.monotonicMs() - startMs).toBeLessThanOrEqual(4_050);
  });

  it('stays unknown when a write that may have happened is refused afterwards until the end', async () => {
    const script: Answer[] = ['UNREACHABLE', ...Array<Answer>(1_000).fill('NOT_READY')];
    const { client, clock } = scripted(script, { writeTimeoutMs: 4_000 });
    await expect(passTime(clock, methods.updateRefs(client))).rejects.toMatchObject({ code: 'DEADLINE_EXCEEDED' });
  });

  it('goes on at once when the topology names another primary', async () => {
    const { client, calls, clock, topology } = scripted(['NOT_PRIMARY']);
    const call = methods.getRefs(client);
    await until(() => calls.length > 0 && clock.pendingTimers() > 0);
    topology.set(metadataCluster({ m2: '127.0.0.1:2' }, { partitions: 1 }));
    await call;
    expect(calls).toHaveLength(2);
    expect(clock.monotonicMs()).toBe(0);
    expect(clock.pendingTimers()).toBe(0);
  });

  it('is not stirred by changes of the topology that do not matter to it', async () => {
    const { client, calls, clock, topology } = scripted(['NOT_PRIMARY']);
    const call = methods.getRefs(client);
    await until(() => calls.length > 0 && clock.pendingTimers() > 0);
    topology.set({ ...metadataCluster({ m1: '127.0.0.1:1' }, { partitions: 1 }), version: 2n });
    for (let turn = 0; turn < 50; turn += 1) await Promise.resolve();
    expect(calls).toHaveLength(1);
    await passTime(clock, call);
  });

  it('waits for the first topology', async () => {
    const { client, calls, clock, topology } = scripted([]);
    topology.set(undefined);
    const call = methods.getRefs(client);
    await until(() => clock.pendingTimers() > 0);
    topology.set(metadataCluster({ m1: '127.0.0.1:1' }, { partitions: 1 }));
    await call;
    expect(calls).toHaveLength(1);
    expect(clock.monotonicMs()).toBe(0);
  });

  it('ends with its caller, in a try and between two', async () => {
    for (const script of [['hang'], ['NOT_READY']] as Answer[][]) {
      const { client, calls, clock } = scripted(script);
      const caller = new AbortController();
      const call = client.getRefs(GetRefsRequest.create({ repo: 'a/b' }), { signal: caller.signal });
      await until(() => calls.length > 0 && clock.pendingTimers() > 0);
      for (let turn = 0; turn < 50; turn += 1) await Promise.resolve();
      caller.abort(new Error('gone'));
      await expect(call).rejects.toThrow('gone');
      expect(clock.pendingTimers()).toBe(0);
    }
  });

  it.each([0, -1, Number.NaN])('refuses a time of %d ms', async (timeoutMs) => {
    const { client } = scripted([]);
    const call = client.getRefs(GetRefsRequest.create({ repo: 'a/b' }), { timeoutMs });
    await expect(call).rejects.toMatchObject({ code: 'INVALID_ARGUMENT', details: { field: 'timeoutMs' } });
  });
});
