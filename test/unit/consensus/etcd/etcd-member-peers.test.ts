import { createServer, type RequestListener, type Server } from 'node:http';
import type { AddressInfo } from 'node:net';
import { afterEach, describe, expect, it, vi } from 'vitest';
import { systemClock } from '../../../../src/base/clock.ts';
import { StratumError } from '../../../../src/base/errors.ts';
import { askPeer, askPeers } from '../../../../src/consensus/etcd/etcd-member-peers.ts';
import { manualClock } from '../../base/manual-clock.ts';

const servers: Server[] = [];
afterEach(() => {
  for (const server of servers.splice(0)) {
    server.closeAllConnections();
    server.close();
  }
});

async function peer(answer: RequestListener): Promise<string> {
  const server = createServer(answer);
  servers.push(server);
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
  return `127.0.0.1:${(server.address() as AddressInfo).port}`;
}

const says =
  (content: string, headers: Record<string, string> = { 'X-Etcd-Cluster-Id': 'a1' }, status = 200): RequestListener =>
  (_request, response) => {
    response.writeHead(status, headers).end(content);
  };
const modules = { clock: systemClock, signal: new AbortController().signal };

describe('the peers of a member', () => {
  it('say who they are', async () => {
    const members =
      '[{"id":17,"name":"c1","peerURLs":["http://10.0.0.1:2380"],"clientURLs":["http://127.0.0.1:1"]},{}]';
    expect(await askPeer(await peer(says(members)), modules)).toEqual({
      clusterId: 'a1',
      members: [
        { name: 'c1', peerUrls: ['http://10.0.0.1:2380'], clientUrls: ['http://127.0.0.1:1'] },
        { name: '', peerUrls: [], clientUrls: [] },
      ],
    });
  });

  it.each<[string, RequestListener]>([
    ['say no JSON', says('<html>')],
    ['say no list', says('{}')],
    ['do not name their cluster', says('[]', {})],
    ['refuse', says('[]', undefined, 500)],
    ['hang up', (request) => request.socket.destroy()],
  ])('are left out when they %s', async (_what, answer) => {
    const there = await peer(says('[]'));
    const answers = await askPeers([await peer(answer), there, '127.0.0.1:1'], modules);
    expect(answers).toEqual([{ clusterId: 'a1', members: [] }]);
  });

  it('are left out when they do not answer in time', async () => {
    const clock = manualClock();
    const asked = vi.fn();
    const address = await peer(asked);
    const answer = askPeer(address, { ...modules, clock });
    await vi.waitUntil(() => asked.mock.calls.length > 0);
    clock.advance(2_000);
    expect(await answer).toBeUndefined();
  });

  it('are no longer waited for when the member stops', async () => {
    const stopping = new AbortController();
    const address = await peer(() => stopping.abort(new StratumError('SHUTTING_DOWN', 'stop')));
    await expect(askPeers([address], { clock: systemClock, signal: stopping.signal })).rejects.toMatchObject({
      code: 'SHUTTING_DOWN',
    });
  });
});
