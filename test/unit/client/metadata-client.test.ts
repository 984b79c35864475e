import { randomBytes } from 'node:crypto';
import { once } from 'node:events';
import { type AddressInfo, createServer, type Socket } from 'node:net';
import { describe, expect, it, onTestFinished } from 'vitest';
import { systemClock } from '../../../src/base/clock.ts';
import { systemRandom } from '../../../src/base/random.ts';
import { MetadataClient, type MetadataClientOptions } from '../../../src/client/metadata-client.ts';
import { ChannelPool } from '../../../src/rpc/channel-pool.ts';
import {
  CreateRepoRequest,
  GetRefsRequest,
  ListReposRequest,
  MetadataServiceService,
  UpdateRefsRequest,
} from '../../../src/rpc/gen/stratum/v1/metadata.ts';
import { GrpcServer } from '../../../src/rpc/grpc-server.ts';
import { command, sampleMetadata } from '../node/metadata/sample-metadata.ts';
import { type HeldTopology, heldTopology, metadataCluster } from '../node/metadata/sample-topology.ts';

function clientOf(topology: HeldTopology, options: MetadataClientOptions = {}): MetadataClient {
  const channels = new ChannelPool();
  onTestFinished(() => channels.close());
  return new MetadataClient(options, { clock: systemClock, random: systemRandom, topology, channels });
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
  it('carries a push over a restart of the primary, once', async () => {
    const topology = heldTopology(undefined);
    const first = await sampleMetadata({ topology });
    const listener = await serve(first.node.service);
    topology.set(metadataCluster({ m1: listener.address }));
    const client = clientOf(topology);
    const { repo } = await client.createRepo(CreateRepoRequest.create({ name: 'team/app' }));
    await listener.stop();
    await first.node.stop();
    const pushId = randomBytes(16);
    const push = UpdateRefsRequest.create({
      repo: 'team/app',
      repoId: repo?.id ?? '',
      commands: [command('refs/heads/a', '', '1')],
      pushId,
    });
    const pushed = client.updateRefs(push);
    const second = await sampleMetadata({ topology, path: first.path });
    await serve(second.node.service, Number(listener.address.split(':')[1]));
    expect((await pushed).results).toMatchObject([{ updated: true }]);
    expect((await client.getRefs(getRefs)).refs).toHaveLength(1);
  });

  it('follows a primary that comes back at another address', async () => {
    const topology = heldTopology(metadataCluster({ m1: await silentPeer() }));
    const { node, newRepo } = await sampleMetadata({ topology });
    await newRepo();
    const client = clientOf(topology, { attemptTimeoutMs: 200 });
    const read = client.getRefs(getRefs);
    topology.set(metadataCluster({ m1: (await serve(node.service)).address }));
    expect((await read).repo).toMatchObject({ name: 'team/app' });
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
    const { address, stop } = await serve((await sampleMetadata()).node.service);
    await stop();
    const client = clientOf(heldTopology(metadataCluster({ m1: address })));
    await expect(client.getRefs(getRefs, { timeoutMs: 300 })).rejects.toMatchObject({
      code: 'UNREACHABLE',
      details: { endpoint: address },
    });
  });

  it('fails a listing when one of the primaries does not answer, rather than leave its repositories out', async () => {
    const topology = heldTopology(undefined);
    const { node } = await sampleMetadata({ topology });
    const { address } = await serve(node.service);
    const gone = await silentPeer();
    topology.set(metadataCluster({ m1: address, m2: gone }));
    const client = clientOf(topology, { attemptTimeoutMs: 100 });
    await expect(client.listRepos(ListReposRequest.create(), { timeoutMs: 300 })).rejects.toMatchObject({
      details: { endpoint: gone },
    });
    topology.set(metadataCluster({ m1: address }));
    expect(await client.listRepos(ListReposRequest.create())).toEqual({ repos: [], nextPageToken: '' });
  });

  it('does not list before every partition has a primary', async () => {
    const client = clientOf(heldTopology(metadataCluster({ m1: '127.0.0.1:1' }, { epoch: 0n })));
    await expect(client.listRepos(ListReposRequest.create())).rejects.toMatchObject({ code: 'NOT_READY' });
  });
});
