import { createServer } from 'node:net';
import { describe, expect, it } from 'vitest';
import { systemRandom } from '../../../../src/base/random.ts';
import { type ClusterWish, planCluster, refuseTakenPorts } from '../../../../src/cli/local-cluster/plan.ts';

const plan = (wish: Partial<ClusterWish> = {}, kept?: Awaited<ReturnType<typeof planCluster>>) =>
  planCluster({ name: 'local', gitPort: 0, ...wish }, kept, systemRandom);
const portsOf = ({ nodes }: Awaited<ReturnType<typeof planCluster>>) =>
  nodes.flatMap(({ port, httpPort = 0, peerPort = 0 }) => [port, httpPort, peerPort].filter((each) => each > 0));

describe('the plan of a local cluster', () => {
  it('is one coordinator, three object and metadata nodes and a frontend, in the order of their start', async () => {
    const { nodes } = await plan();
    expect(nodes.map(({ id }) => id)).toEqual([
      'coordinator-1',
      'object-1',
      'object-2',
      'object-3',
      'metadata-1',
      'metadata-2',
      'metadata-3',
      'frontend-1',
    ]);
    expect(nodes.filter(({ httpPort }) => httpPort !== undefined).map(({ id }) => id)).toEqual(['frontend-1']);
  });

  it('has no port twice', async () => {
    const ports = portsOf(await plan({ frontends: 3 }));
    expect(new Set(ports).size).toBe(ports.length);
  });

  it('keeps every port across restarts, also when the Git port is left to choice', async () => {
    const first = await plan();
    expect(await plan({}, first)).toEqual(first);
    expect(await plan({ gitPort: undefined }, first)).toEqual(first);
  });

  it('takes given ports, which win over kept ones', async () => {
    const kept = await plan();
    const { nodes } = await plan({ gitPort: 9000, coordinatorPort: 9100, basePort: 9200, frontends: 2 }, kept);
    expect(nodes.map(({ port }) => port)).toEqual([9100, 9201, 9202, 9203, 9204, 9205, 9206, 9207, 9208]);
    expect(nodes.flatMap(({ httpPort }) => httpPort ?? [])).toEqual([9000, 9001]);
  });

  it('gets other frontends on request, and keeps the ports of those that stay', async () => {
    const kept = await plan();
    const grown = await plan({ frontends: 2 }, kept);
    expect(grown.nodes.slice(0, 8)).toEqual(kept.nodes);
    expect(grown.nodes.at(-1)?.id).toBe('frontend-2');
  });

  it('says openly that this version does not move data', async () => {
    const kept = await plan();
    for (const wish of [{ objects: 4 }, { metadata: 1 }, { coordinators: 3 }]) {
      await expect(plan(wish, kept)).rejects.toMatchObject({ code: 'UNIMPLEMENTED' });
    }
    expect(await plan({ objects: 3, metadata: 3 }, kept)).toEqual(kept);
  });

  it('gives each of several coordinators a port for its etcd member, and keeps it', async () => {
    const kept = await plan({ coordinators: 3, etcdBinary: '/opt/etcd' });
    const members = kept.nodes.filter(({ peerPort }) => peerPort !== undefined);
    expect(members.map(({ id }) => id)).toEqual(['coordinator-1', 'coordinator-2', 'coordinator-3']);
    expect(new Set(portsOf(kept)).size).toBe(kept.nodes.length + 1 + members.length);
    expect(await plan({}, kept)).toEqual(kept);
    expect((await plan({ etcdBinary: '/usr/bin/etcd' }, kept)).etcdBinary).toBe('/usr/bin/etcd');
    await expect(plan({ coordinators: 5 }, kept)).rejects.toMatchObject({ code: 'UNIMPLEMENTED' });
  });

  it('chooses those ports clear of the ones that were asked for', async () => {
    // Chance falls on the first port that was asked for; the next choice is left to it.
    const numbers = [0.25];
    const random = { ...systemRandom, next: () => numbers.shift() ?? systemRandom.next() };
    const basePort = 20_000 + 0.25 * 12_000;
    const wish = { name: 'local', gitPort: 9_400, basePort, coordinators: 3 };
    const { nodes } = await planCluster(wish, undefined, random);
    expect(nodes[0]?.port).toBe(basePort);
    expect(numbers).toEqual([]);
  });

  it.each([2, 4])('refuses %i coordinators, and says why', async (coordinators) => {
    await expect(plan({ coordinators })).rejects.toMatchObject({
      code: 'INVALID_ARGUMENT',
      message: expect.stringContaining(`no more than ${coordinators - 1}`),
    });
  });

  it.each([{ gitPort: 9300, basePort: 9300 }, { basePort: 65_534 }])('refuses ports that clash: %j', async (wish) => {
    await expect(plan(wish)).rejects.toMatchObject({ code: 'INVALID_ARGUMENT' });
  });
});

describe('the ports of a plan', () => {
  it('that a stranger took from an etcd member cannot be changed', async () => {
    const { nodes } = await plan({ coordinators: 3 });
    const stranger = createServer();
    await new Promise<void>((resolve) => stranger.listen(nodes[1]?.peerPort, '127.0.0.1', resolve));
    try {
      await expect(refuseTakenPorts(nodes)).rejects.toMatchObject({
        code: 'PORT_IN_USE',
        message: expect.stringContaining('etcd member of coordinator-2'),
      });
    } finally {
      stranger.close();
    }
  });

  it.each([
    ['coordinator-1', '--coordinator-port'],
    ['object-2', '--base-port'],
    ['frontend-1', '--git-port'],
  ])('that a stranger took from %s are refused with %s', async (id, flag) => {
    const { nodes } = await plan();
    const node = nodes.find((each) => each.id === id);
    const stranger = createServer();
    await new Promise<void>((resolve) => stranger.listen(node?.httpPort ?? node?.port, '127.0.0.1', resolve));
    try {
      await expect(refuseTakenPorts(nodes)).rejects.toMatchObject({
        code: 'PORT_IN_USE',
        message: expect.stringContaining(id),
        hint: expect.stringContaining(flag),
      });
    } finally {
      stranger.close();
    }
  });
});
