import { createServer } from 'node:net';
import { describe, expect, it } from 'vitest';
import { systemRandom } from '../../../../src/base/random.ts';
import { type ClusterWish, planCluster, refuseTakenPorts } from '../../../../src/cli/local-cluster/plan.ts';

const plan = (wish: Partial<ClusterWish> = {}, kept?: Awaited<ReturnType<typeof planCluster>>) =>
  planCluster({ name: 'local', gitPort: 0, ...wish }, kept, systemRandom);
const portsOf = ({ nodes }: Awaited<ReturnType<typeof planCluster>>) =>
  nodes.flatMap(({ port, httpPort }) => (httpPort === undefined ? [port] : [port, httpPort]));

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
    for (const wish of [{ objects: 4 }, { metadata: 1 }]) {
      await expect(plan(wish, kept)).rejects.toMatchObject({ code: 'UNIMPLEMENTED' });
    }
    expect(await plan({ objects: 3, metadata: 3 }, kept)).toEqual(kept);
  });

  it.each([{ gitPort: 9300, basePort: 9300 }, { basePort: 65_534 }])('refuses ports that clash: %j', async (wish) => {
    await expect(plan(wish)).rejects.toMatchObject({ code: 'INVALID_ARGUMENT' });
  });
});

describe('the ports of a plan', () => {
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
