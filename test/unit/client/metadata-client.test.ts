import { randomBytes } from 'node:crypto';
import { once } from 'node:events';
import { type AddressInfo, createServer, type Socket } from 'node:net';
import { describe, expect, it, onTestFinished } from 'vitest';
import { systemClock } from '../../../src/base/clock.ts';
import { StratumError } from '../../../src/base/errors.ts';
import { systemRandom } from '../../../src/base/random.ts';
import { MetadataClient, type MetadataClientOptions } from '../../../src/client/metadata-client.ts';
import type { MetadataHandlers } from '../../../src/client/metadata-handlers.ts';
import { metadataService } from '../../../src/node/metadata/metadata-service.ts';
import { ChannelPool } from '../../../src/rpc/channel-pool.ts';
import {
  CreateRepoRequest,
  GetRefsRequest,
  ListReposRequest,
  MetadataServiceService,
  UpdateRefsRequest,
} from '../../../src/rpc/gen/stratum/v1/metadata.ts';
import { GrpcServer } from '../../../src/rpc/grpc-server.ts';
import { MemoryLogs } from '../node/metadata/memory-partitions.ts';
import { command } from '../node/metadata/sample-requests.ts';
import { nameIn, sampleService } from '../node/metadata/sample-service.ts';
import { type HeldTopology, heldTopology, metadataCluster } from '../node/metadata/sample-topology.ts';

function clientOf(
  topology: HeldTopology,
  options: MetadataClientOptions = {},
  local?: (nodeId: string) => MetadataHandlers | undefined,
): MetadataClient {
  const channels = new ChannelPool();
  onTestFinished(() => channels.close());
  return new MetadataClient(options, { clock: systemClock, random: systemRandom, topology, channels, local });
}

async function serve(service: Parameters<GrpcServer['add']>[1], port = 0) {
  const server = new GrpcServer({ host: '127.0.0.1', port });
  server.add(MetadataServiceService, service);
  await server.start();
  const stop = () => server.stop(AbortSignal.abort());
  onTestFinished(stop);
  return { address: server.address, stop };
}

/** A peer that accepts connections and never says anything. */
async function silentPeer(): Promise<string> {
  const sockets = new Set<Socket>();
  const server = createServer((socket) => sockets.add(socket)).listen(0, '127.0.0.1');
  await once(server, 'listening');
  onTestFinished(() => {
    for (const socket of sockets) socket.destroy();
    server.close();
  });
  return `127.0.0.1:${(server.address() as AddressInfo).port}`;
}

const getRefs = GetRefsRequest.create({ repo: 'team/app' });

describe('MetadataClient', () => {
  describe('asked for refs that its caller may have', () => {
    /** A client of node m1 over gRPC, with the methods that were called there. */
    async function overGrpc(change: (handlers: MetadataHandlers) => Partial<MetadataHandlers> = () => ({})) {
      const topology = heldTopology(undefined);
      const sample = sampleService({ topology });
      const handlers = { ...sample.handlers, ...change(sample.handlers) };
      const called: string[] = [];
      const { address } = await serve(
        metadataService({
          ...handlers,
          getRefs: (request, call) => {
            called.push('getRefs');
            return handlers.getRefs(request, call);
          },
          checkRefs: (request, call) => {
            called.push(`checkRefs ${request.checks.map(({ home }) => home).join()}`);
            return handlers.checkRefs(request, call);
          },
        }),
      );
      topology.set(metadataCluster({ m1: address }));
      const repo = await sample.newRepo({ name: nameIn(2) });
      const asked = { repo: repo.name, ifRepoId: repo.id, ifGenerationNot: repo.refsGeneration };
      return { ...sample, repo, asked, called };
    }

    it('asks whether they are current, for all callers of a moment in one call', async () => {
      const { topology, asked, called, repo } = await overGrpc();
      const client = clientOf(topology);
      const answers = await Promise.all(Array.from({ length: 10 }, () => client.getRefs(asked)));
      expect(answers).toEqual(answers.map(() => ({ notModified: true, repo, refs: [] })));
      expect(called).toEqual([`checkRefs ${Array(10).fill(2).join()}`]);
    });

    it.each<[string, object]>([
      ['has none', { ifRepoId: '', ifGenerationNot: 0n }],
      ['wants some of them', { prefixes: ['refs/heads/'] }],
    ])('reads them at once for a caller that %s', async (_, changes) => {
      const { topology, asked, called } = await overGrpc();
      await clientOf(topology).getRefs({ ...asked, ...changes });
      expect(called).toEqual(['getRefs']);
    });

    it('reads them when they have changed', async () => {
      const { topology, asked, called, calls, repo } = await overGrpc();
      await calls.updateRefs({ repo: repo.name, repoId: repo.id, commands: [command('refs/heads/a', '', '1')] });
      const answer = await clientOf(topology).getRefs(asked);
      expect(answer).toMatchObject({ notModified: false, refs: [{ name: 'refs/heads/a' }] });
      expect(called).toEqual(['checkRefs 2', 'getRefs']);
    });

    it('hears from the read that the repository is gone', async () => {
      const { topology, asked, called, calls, repo } = await overGrpc();
      await calls.deleteRepo({ name: repo.name, expectedId: repo.id });
      await expect(clientOf(topology).getRefs(asked)).rejects.toMatchObject({ code: 'REPO_NOT_FOUND' });
      expect(called).toEqual(['checkRefs 2', 'getRefs']);
    });

    it('learns from the read where a renamed repository is, and checks it there from then on', async () => {
      const { topology, asked, called, calls, repo } = await overGrpc();
      const renamed = await calls.renameRepo({ name: repo.name, expectedId: repo.id, newName: nameIn(0) });
      const client = clientOf(topology);
      const expected = { notModified: true, repo: renamed.repo, refs: [] };
      expect(await client.getRefs({ ...asked, repo: nameIn(0) })).toEqual(expected);
      expect(called).toEqual(['checkRefs 0', 'getRefs', 'getRefs']);
      expect(await client.getRefs({ ...asked, repo: nameIn(0) })).toEqual(expected);
      expect(called.slice(3)).toEqual(['checkRefs 2']);
    });

    it('learns from the read which node is the primary now', async () => {
      const { asked, topology, repo, logs } = await overGrpc();
      const address = topology.current()?.nodes.get('m1')?.address ?? '';
      const next = await serve(sampleService({ nodeId: 'm2', topology, logs }).service);
      const client = clientOf(heldTopology(topology.current()));
      topology.set(metadataCluster({ m1: address, m2: next.address }, { primaries: ['m2'], epoch: 2n }));
      const expected = { notModified: true, repo, refs: [] };
      expect(await client.getRefs(asked)).toEqual(expected);
      expect(await client.getRefs(asked)).toEqual(expected);
    });

    it.each<[string, MetadataHandlers['checkRefs']]>([
      ['does not know the method', () => Promise.reject(new StratumError('UNIMPLEMENTED', 'not here'))],
      ['fails', () => Promise.reject(new StratumError('INTERNAL', 'a bug'))],
      ['gives no answer', () => new Promise(() => undefined)],
      ['answers something else', async () => ({ results: [] })],
    ])('reads them within its time from a node whose check %s', async (_, checkRefs) => {
      const { topology, asked, repo } = await overGrpc(() => ({ checkRefs }));
      const client = clientOf(topology, { attemptTimeoutMs: 200 });
      expect(await client.getRefs(asked, { timeoutMs: 10_000 })).toEqual({ notModified: true, repo, refs: [] });
    });

    it('waits for a topology', async () => {
      const { topology, asked, repo } = await overGrpc();
      const held = heldTopology(undefined);
      const answer = clientOf(held).getRefs(asked);
      held.set(topology.current());
      expect(await answer).toMatchObject({ notModified: true, repo });
    });

    it('gives up a node that does not answer at all when the time of the call is over', async () => {
      const address = await silentPeer();
      const client = clientOf(heldTopology(metadataCluster({ m1: address })));
      const asked = { repo: 'team/app', ifRepoId: 'a'.repeat(32), ifGenerationNot: 1n };
      await expect(client.getRefs(asked, { timeoutMs: 300 })).rejects.toMatchObject({
        code: expect.stringMatching(/^(DEADLINE_EXCEEDED|UNREACHABLE)$/),
        details: { endpoint: address },
      });
    });

    it('lets a caller go that gives up while the check is under way', async () => {
      const { promise: arrived, resolve: arrive } = Promise.withResolvers<void>();
      const { topology, asked } = await overGrpc(() => ({
        checkRefs: () => {
          arrive();
          return new Promise(() => undefined);
        },
      }));
      const caller = new AbortController();
      const answer = clientOf(topology).getRefs(asked, { signal: caller.signal });
      void arrived.then(() => caller.abort(new Error('gone')));
      await expect(answer).rejects.toThrow('gone');
    });

    it('asks a node of its own process directly', async () => {
      const topology = heldTopology(metadataCluster({ m1: 'nowhere.invalid:1' }));
      const { handlers, newRepo } = sampleService({ topology });
      const checkRefs = () => Promise.reject(new Error('not to be asked'));
      const client = clientOf(topology, {}, () => ({ ...handlers, checkRefs }));
      const repo = await newRepo();
      const asked = { repo: repo.name, ifRepoId: repo.id, ifGenerationNot: repo.refsGeneration };
      expect(await client.getRefs(asked)).toEqual({ notModified: true, repo, refs: [] });
    });
  });

  it('carries a push over a restart of the primary, once', async () => {
    const topology = heldTopology(undefined);
    const first = sampleService({ topology });
    const listener = await serve(first.service);
    topology.set(metadataCluster({ m1: listener.address }));
    const client = clientOf(topology);
    const { repo } = await client.createRepo(CreateRepoRequest.create({ name: 'team/app' }));
    await listener.stop();
    const pushId = randomBytes(16);
    const push = UpdateRefsRequest.create({
      repo: 'team/app',
      repoId: repo?.id ?? '',
      commands: [command('refs/heads/a', '', '1')],
      pushId,
    });
    const pushed = client.updateRefs(push);
    const second = sampleService({ topology, logs: first.logs });
    await serve(second.service, Number(listener.address.split(':')[1]));
    expect((await pushed).results).toMatchObject([{ updated: true }]);
    expect((await client.getRefs(getRefs)).refs).toHaveLength(1);
  });

  it('follows a primary that comes back at another address', async () => {
    const topology = heldTopology(metadataCluster({ m1: await silentPeer() }));
    const { service, newRepo } = sampleService({ topology });
    await newRepo();
    const client = clientOf(topology, { attemptTimeoutMs: 200 });
    const read = client.getRefs(getRefs);
    topology.set(metadataCluster({ m1: (await serve(service)).address }));
    expect((await read).repo).toMatchObject({ name: 'team/app' });
  });

  it.each([
    ['read', (client: MetadataClient) => client.getRefs(getRefs)],
    [
      'write that may be repeated',
      (client: MetadataClient) => client.createRepo(CreateRepoRequest.create({ name: 'team/b' })),
    ],
  ])('leaves a primary that stands still as soon as another one is known, with a %s', async (_, call) => {
    const silent = await silentPeer();
    const topology = heldTopology(metadataCluster({ m1: silent }));
    const node = sampleService({ nodeId: 'm2', topology });
    const { address } = await serve(node.service);
    const client = clientOf(topology, { readTimeoutMs: 60_000, writeTimeoutMs: 60_000 });
    const answer = call(client);
    topology.set(metadataCluster({ m1: silent, m2: address }, { primaries: ['m2'], epoch: 2n }));
    await node.newRepo();
    await expect(answer).resolves.toBeDefined();
  });

  it('gives up a peer that accepts and never answers when the time of the call is over', async () => {
    const address = await silentPeer();
    const client = clientOf(heldTopology(metadataCluster({ m1: address })), { attemptTimeoutMs: 100 });
    await expect(client.getRefs(getRefs, { timeoutMs: 300 })).rejects.toMatchObject({
      code: expect.stringMatching(/^(DEADLINE_EXCEEDED|UNREACHABLE)$/),
      details: { endpoint: address },
    });
  });

  it('names the node that cannot be reached', async () => {
    const { address, stop } = await serve(sampleService().service);
    await stop();
    const client = clientOf(heldTopology(metadataCluster({ m1: address })));
    await expect(client.getRefs(getRefs, { timeoutMs: 300 })).rejects.toMatchObject({
      code: 'UNREACHABLE',
      details: { endpoint: address },
    });
  });

  it('fails a listing when one of the primaries does not answer, rather than leave its repositories out', async () => {
    const topology = heldTopology(undefined);
    const { address } = await serve(sampleService({ topology }).service);
    const gone = await silentPeer();
    topology.set(metadataCluster({ m1: address }));
    const client = clientOf(topology, { attemptTimeoutMs: 400 });
    // Connected already, the first one answers in a busy process too.
    await client.listRepos(ListReposRequest.create());
    topology.set(metadataCluster({ m1: address, m2: gone }));
    await expect(client.listRepos(ListReposRequest.create(), { timeoutMs: 800 })).rejects.toMatchObject({
      details: { endpoint: gone },
    });
    topology.set(metadataCluster({ m1: address }));
    expect(await client.listRepos(ListReposRequest.create())).toEqual({ repos: [], nextPageToken: '' });
  });

  it('does not list before every partition has a primary', async () => {
    const client = clientOf(heldTopology(metadataCluster({ m1: '127.0.0.1:1' }, { epoch: 0n })));
    await expect(client.listRepos(ListReposRequest.create())).rejects.toMatchObject({ code: 'NOT_READY' });
  });

  it('follows a primary’s name before the topology knows of it, also to a node that it does not know', async () => {
    const logs = new MemoryLogs();
    const ofNodes = heldTopology(undefined);
    const [first, second] = ['m1', 'm2'].map((nodeId) => sampleService({ nodeId, topology: ofNodes, logs }));
    if (first === undefined || second === undefined) throw new Error('two nodes expected');
    const addresses = { m1: (await serve(first.service)).address, m2: (await serve(second.service)).address };
    ofNodes.set(metadataCluster(addresses, { primaries: ['m2'], epoch: 2n }));
    const client = clientOf(heldTopology(metadataCluster({ m1: addresses.m1 })));
    const { repo } = await client.createRepo(CreateRepoRequest.create({ name: 'team/app' }));
    expect((await client.getRefs(getRefs)).repo).toEqual(repo);
  });

  it('remembers where a renamed repository is, and finds what has its name later', async () => {
    const topology = heldTopology(metadataCluster({ m1: 'nowhere.invalid:1' }));
    const { handlers, newRepo, calls } = sampleService({ topology });
    const asked: (number | undefined)[] = [];
    const getRepo: typeof handlers.getRepo = (request, context) => {
      asked.push(request.home);
      return handlers.getRepo(request, context);
    };
    const client = clientOf(topology, {}, () => ({ ...handlers, getRepo }));
    const [name, newName] = [nameIn(0), nameIn(1)];
    const { id: expectedId } = await newRepo({ name });
    await client.renameRepo({ name, expectedId, newName });
    const read = () => client.getRepo({ name: newName, includePacks: false });
    expect((await read()).repo).toMatchObject({ id: expectedId });
    expect((await read()).repo).toMatchObject({ id: expectedId });
    expect(asked).toEqual([undefined, 0, 0]);
    // Somebody else renames it back, and takes the name for another one.
    await calls.renameRepo({ name: newName, expectedId, newName: name, home: 0 });
    const other = await newRepo({ name: newName });
    expect((await read()).repo).toEqual(other);
    expect((await read()).repo).toEqual(other);
    expect(asked).toEqual([undefined, 0, 0, 0, undefined, undefined]);
    await client.deleteRepo({ name: newName, expectedId: other.id });
    await expect(read()).rejects.toMatchObject({ code: 'REPO_NOT_FOUND' });
  });

  it('takes the deletion of what is not there for success, wherever the name leads', async () => {
    const topology = heldTopology(metadataCluster({ m1: 'nowhere.invalid:1' }));
    const { handlers, calls } = sampleService({ topology });
    const client = clientOf(topology, {}, () => handlers);
    // An alias that leads nowhere.
    await calls.reserveName({ name: nameIn(1), repoId: '1'.repeat(32), home: 0, token: Buffer.alloc(16) });
    expect(await client.deleteRepo({ name: nameIn(1), expectedId: 'x' })).toEqual({ deleted: false });
    expect(await client.deleteRepo({ name: nameIn(2), expectedId: 'x' })).toEqual({ deleted: false });
  });
});
