import { credentials } from '@grpc/grpc-js';
import { afterEach, describe, expect, it } from 'vitest';
import {
  CoordinatorServiceClient,
  CoordinatorServiceService,
  type GetLeaderResponse,
} from '../../../src/rpc/gen/stratum/v1/coordinator.ts';
import { GrpcServer } from '../../../src/rpc/grpc-server.ts';
import { unary } from '../../../src/rpc/handlers.ts';

const closers: (() => unknown)[] = [];

afterEach(async () => {
  for (const close of closers.splice(0).reverse()) await close();
});

const answer: GetLeaderResponse = {
  leaderId: '',
  leaderAddress: '',
  term: 0n,
  isLeader: false,
  nodeId: '',
  version: 0n,
};

/** The peer that a handler of a listener on `host` sees when it is called at `target`. */
async function peerSeen(host: string, target: string): Promise<string> {
  const server = new GrpcServer({ host, port: 0 });
  let seen = '';
  server.add(CoordinatorServiceService, {
    getLeader: unary(async (_request, { peer }) => {
      seen = peer;
      return answer;
    }),
  });
  await server.start();
  closers.push(() => server.stop(AbortSignal.abort()));
  const port = server.address.split(':').at(-1);
  const client = new CoordinatorServiceClient(`${target}:${port}`, credentials.createInsecure());
  closers.push(() => client.close());
  await new Promise<void>((resolve, reject) => {
    client.getLeader({}, (error) => (error === null ? resolve() : reject(error)));
  });
  return seen;
}

describe('the peer of a call', () => {
  it.each([
    ['an IPv4 listener', '127.0.0.1', '127.0.0.1', '127.0.0.1'],
    ['an IPv6 listener', '::1', '[::1]', '::1'],
    ['a listener for both, called by IPv4', '::', '127.0.0.1', '127.0.0.1'],
  ])('is the host without its port at %s', async (_, host, target, peer) => {
    expect(await peerSeen(host, target)).toBe(peer);
  });
});
