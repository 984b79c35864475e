import { describe, expect, it, onTestFinished } from 'vitest';
import { systemClock } from '../../../src/base/clock.ts';
import { systemRandom } from '../../../src/base/random.ts';
import { MetadataClient } from '../../../src/client/metadata-client.ts';
import type { MetadataHandlers } from '../../../src/client/metadata-handlers.ts';
import { ChannelPool } from '../../../src/rpc/channel-pool.ts';
import { MemoryLogs } from '../node/metadata/memory-partitions.ts';
import { sampleService } from '../node/metadata/sample-service.ts';
import { heldTopology, metadataCluster } from '../node/metadata/sample-topology.ts';

const addresses = { m1: 'nowhere.invalid:1', m2: 'nowhere.invalid:2' };
const names = Array.from({ length: 40 }, (_, at) => `team/${String(at).padStart(2, '0')}`);

/** Two nodes that hand their partitions to each other; `onCall` hears of each listing before it is answered. */
async function movingCluster(onCall: (calls: number, move: () => void) => void) {
  const ofNodes = heldTopology(metadataCluster(addresses));
  const logs = new MemoryLogs();
  let epoch = 1n;
  let calls = 0;
  const move = () => {
    epoch += 1n;
    const primaries = epoch % 2n === 0n ? ['m2', 'm1'] : ['m1', 'm2'];
    ofNodes.set(metadataCluster(addresses, { primaries, epoch }));
  };
  const nodes = new Map<string, MetadataHandlers>();
  for (const nodeId of ['m1', 'm2']) {
    const { handlers } = sampleService({ nodeId, topology: ofNodes, logs });
    const listRepos: MetadataHandlers['listRepos'] = async (request, context) => {
      calls += 1;
      onCall(calls, move);
      return handlers.listRepos(request, context);
    };
    nodes.set(nodeId, { ...handlers, listRepos });
  }
  // The client's topology does not hear of any move.
  const topology = heldTopology(metadataCluster(addresses));
  const channels = new ChannelPool();
  onTestFinished(() => channels.close());
  const local = (nodeId: string) => nodes.get(nodeId);
  const client = new MetadataClient({}, { clock: systemClock, random: systemRandom, topology, channels, local });
  for (const name of names) await client.createRepo({ name, objectFormat: 0, head: '' });
  return { client, topology, callsNow: () => calls };
}

describe('a listing over all partitions', () => {
  it.each([
    ['before the first answer', [1]],
    ['between the two nodes’ answers', [2]],
    ['again and again', [1, 2, 6, 15, 16, 24]],
  ])('misses no repository and lists none twice while partitions move: %s', async (_, movesAt) => {
    const { client } = await movingCluster((calls, move) => {
      if (movesAt.includes(calls)) move();
    });
    const seen: string[] = [];
    let pageToken = '';
    do {
      const page = await client.listRepos({ prefix: '', pageSize: 7, pageToken });
      expect(page.repos.length).toBeLessThanOrEqual(7);
      seen.push(...page.repos.map(({ name }) => name));
      pageToken = page.nextPageToken;
    } while (pageToken !== '');
    expect(seen).toEqual(names);
  });

  it('asks each primary once, for all of its partitions', async () => {
    const { client, callsNow } = await movingCluster(() => undefined);
    expect((await client.listRepos({ prefix: '', pageSize: 1_000, pageToken: '' })).repos).toHaveLength(40);
    expect(callsNow()).toBe(2);
  });

  it('fails with the answer of a node that refuses the request', async () => {
    const { client } = await movingCluster(() => undefined);
    await expect(client.listRepos({ prefix: '', pageSize: 1, pageToken: 'x' })).rejects.toMatchObject({
      code: 'INVALID_ARGUMENT',
      details: { field: 'page_token' },
    });
  });

  it('waits for the first topology', async () => {
    const { client, topology } = await movingCluster(() => undefined);
    topology.set(undefined);
    const listed = client.listRepos({ prefix: '', pageSize: 1, pageToken: '' });
    topology.set(metadataCluster(addresses));
    expect((await listed).repos).toHaveLength(1);
  });
});
