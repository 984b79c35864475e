import { describe, expect, it, onTestFinished } from 'vitest';
import { systemClock } from '../../../../src/base/clock.ts';
import { callUnary } from '../../../../src/rpc/call.ts';
import { ChannelPool } from '../../../../src/rpc/channel-pool.ts';
import {
  CreateRepoRequest,
  GetRefsRequest,
  MetadataServiceClient,
  MetadataServiceService,
  UpdateRefsRequest,
} from '../../../../src/rpc/gen/stratum/v1/metadata.ts';
import { GrpcServer } from '../../../../src/rpc/grpc-server.ts';
import { command } from './sample-requests.ts';
import { sampleService } from './sample-service.ts';

async function connect() {
  const { service } = sampleService();
  const server = new GrpcServer({ host: '127.0.0.1', port: 0 });
  server.add(MetadataServiceService, service);
  await server.start();
  onTestFinished(() => server.stop(AbortSignal.abort()));
  const channels = new ChannelPool();
  onTestFinished(() => channels.close());
  const target = { endpoint: server.address, method: 'test', timeoutMs: 15_000, clock: systemClock };
  return { client: channels.client(MetadataServiceClient, server.address), target };
}

describe('the metadata service over gRPC', () => {
  it('implements every method of the service', () => {
    const { service } = sampleService();
    expect(Object.keys(service).sort()).toEqual(Object.keys(MetadataServiceService).sort());
  });

  it('carries a push and the refs of a large repository', async () => {
    const { client, target } = await connect();
    const { repo } = await callUnary(client.createRepo.bind(client), CreateRepoRequest.create({ name: 'a/b' }), target);
    const commands = Array.from({ length: 5_000 }, (_, at) => command(`refs/heads/branch-${at}`, '', 'a'));
    const request = UpdateRefsRequest.create({
      repo: 'a/b',
      repoId: repo?.id ?? '',
      commands,
      pushId: Buffer.alloc(16),
    });
    const { results } = await callUnary(client.updateRefs.bind(client), request, target);
    expect(results.every(({ updated }) => updated)).toBe(true);
    const { refs } = await callUnary(client.getRefs.bind(client), GetRefsRequest.create({ repo: 'a/b' }), target);
    expect(refs.map(({ name }) => name)).toEqual(commands.map(({ name }) => name).sort());
  });

  it('refuses with typed details', async () => {
    const { client, target } = await connect();
    const missing = callUnary(client.getRefs.bind(client), GetRefsRequest.create({ repo: 'a/b' }), target);
    await expect(missing).rejects.toMatchObject({ code: 'REPO_NOT_FOUND', details: { kind: 'repository', id: 'a/b' } });
  });
});
