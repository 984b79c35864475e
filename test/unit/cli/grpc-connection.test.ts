import { afterEach, describe, expect, it, vi } from 'vitest';
import { systemClock } from '../../../src/base/clock.ts';
import { StratumError } from '../../../src/base/errors.ts';
import { oidOf } from '../../../src/base/oid.ts';
import { systemRandom } from '../../../src/base/random.ts';
import { GrpcConnection } from '../../../src/cli/grpc-connection.ts';
import { SampleCoordinators } from '../client/sample-coordinators.ts';
import { formedCluster, register } from '../topology/sample-cluster.ts';
import { runCommand } from './run-command.ts';
import { partitionTopology, samplePartition } from './sample-partitions.ts';
import { sampleNode, sampleTopology } from './sample-topology.ts';

const coordinators = new SampleCoordinators();
const open: GrpcConnection[] = [];
afterEach(async () => {
  for (const connection of open.splice(0)) await connection.close();
  await coordinators.close();
});

function connect(address: string, timeoutMs = 5_000): GrpcConnection {
  const options = { coordinators: [address], timeoutMs, signal: new AbortController().signal };
  const connection = new GrpcConnection(options, { clock: systemClock, random: systemRandom });
  open.push(connection);
  return connection;
}

describe('a connection to a cluster', () => {
  it('reads topology, leader, heartbeats and consensus over gRPC', async () => {
    const topology = formedCluster();
    const { address } = await coordinators.start({ topology });
    const cluster = connect(address);
    expect(await cluster.snapshot()).toEqual({
      topology,
      source: { node: 'coordinator', version: topology.version, term: topology.term },
    });
    expect(await cluster.leader()).toMatchObject({ leaderId: 'coordinator-1', leaderAddress: address });
    expect((await cluster.consensusStatuses()).reports).toMatchObject([
      { driver: 'embedded', hasQuorum: true, nodeId: 'coordinator', address, isLeader: true, ageMs: 0 },
    ]);
    expect((await cluster.heartbeats()).map(({ nodeId }) => nodeId)).toEqual([...topology.nodes.keys()]);
  });

  it('reads the history of changes, and says who asked for a transfer', async () => {
    const { address, consensus } = await coordinators.start();
    await consensus.propose(register());
    const cluster = connect(address);
    expect(await cluster.history(0n, 10)).toMatchObject({ updates: [{ version: 1n }], version: 1n });
    const by = { actor: 'ada', reason: 'new disk' };
    expect(await cluster.transferLeader('coordinator-1', by)).toEqual({ leaderId: 'coordinator-1', term: 1n });
    const place = { nodeId: 'coordinator-2', peerAddress: '127.0.0.1:2380' };
    await expect(cluster.addMember(place, by)).rejects.toMatchObject({ code: 'UNIMPLEMENTED' });
    await expect(cluster.removeMember('coordinator-2', by)).rejects.toMatchObject({ code: 'UNIMPLEMENTED' });
  });

  it('surveys coordinators of which one does not answer', async () => {
    const { address } = await coordinators.start();
    const unused = await coordinators.unusedAddress();
    const options = { coordinators: [unused, address], timeoutMs: 2_000, signal: new AbortController().signal };
    const cluster = new GrpcConnection(options, { clock: systemClock, random: systemRandom });
    open.push(cluster);
    const { reports, silent } = await cluster.consensusStatuses();
    expect(reports).toMatchObject([{ nodeId: 'coordinator', address, leaderId: 'coordinator-1' }]);
    expect(silent).toEqual([{ node: unused, reason: expect.stringContaining('ECONNREFUSED'), answers: false }]);
  });

  it('gives up a survey with the command', async () => {
    const silent = await coordinators.startSilent();
    const end = new AbortController();
    const options = { coordinators: [silent], timeoutMs: 5_000, signal: end.signal };
    const cluster = new GrpcConnection(options, { clock: systemClock, random: systemRandom });
    open.push(cluster);
    const survey = cluster.consensusStatuses();
    const reason = new Error('interrupted');
    end.abort(reason);
    await expect(survey).rejects.toBe(reason);
  });

  it('changes what is asked for also when the first coordinator accepts and never answers', async () => {
    const { address } = await coordinators.start();
    const options = { timeoutMs: 2_500, signal: new AbortController().signal };
    const cluster = new GrpcConnection(
      { ...options, coordinators: [await coordinators.startSilent(), address] },
      { clock: systemClock, random: systemRandom },
    );
    open.push(cluster);
    const moved = cluster.transferLeader('coordinator-1', { actor: 'ada', reason: '' });
    expect(await moved).toEqual({ leaderId: 'coordinator-1', term: 1n });
  });

  it('watches the topology', async () => {
    const { address } = await coordinators.start({ topology: formedCluster() });
    const end = new AbortController();
    for await (const event of connect(address).watch(0n, end.signal)) {
      expect(event.kind).toBe('full-sync');
      break;
    }
    end.abort();
  });

  it('gives clients that route by the topology', async () => {
    const topology = formedCluster();
    const { address } = await coordinators.start({ topology });
    const cluster = connect(address, 300);
    const [objects, metadata] = await Promise.all([cluster.objects(), cluster.metadata()]);
    // The nodes of the sample do not run: the calls get as far as their addresses.
    await expect(objects.get('0'.repeat(64) as never)).rejects.toMatchObject({ code: 'INSUFFICIENT_REPLICAS' });
    await expect(metadata.getRepo({ name: 'a/b', includePacks: false })).rejects.toMatchObject({
      row: { exit: 7 },
    });
  });

  it('asks each frontend at its own address, by id', async () => {
    const address = await coordinators.unusedAddress();
    const nodes = ['frontend-10', 'frontend-2', 'object-1'].map((id) =>
      sampleNode(id, id.startsWith('object') ? 'object' : 'frontend', { address }),
    );
    const topology = sampleTopology({}, { nodes: new Map(nodes.map((node) => [node.id, node])) });
    const frontends = connect(address).frontends(topology);
    expect(frontends.map(({ nodeId, endpoint }) => [nodeId, endpoint])).toEqual([
      ['frontend-2', address],
      ['frontend-10', address],
    ]);
    const { signal } = new AbortController();
    await expect(frontends[0]?.cacheStats(signal)).rejects.toMatchObject({ code: 'UNREACHABLE' });
  });

  it('says of each gap why it was not closed', async () => {
    const { address } = await coordinators.start({ topology: formedCluster() });
    const cluster = connect(address, 2_000);
    const oid = oidOf(Buffer.from('a blob'));
    // Nothing listens where the sample's nodes should be.
    const results = await cluster.closeGaps([{ oid, size: 6, nodeId: 'object-1', reason: 'MISSING' }]);
    expect(results).toMatchObject([{ outcome: 'FAILED', at: 'TARGET', gap: { oid }, error: { row: { exit: 7 } } }]);
    await expect(cluster.blobPage('object-1', '127.0.0.1:1', undefined, 10)).rejects.toMatchObject({
      code: 'UNREACHABLE',
    });
  });

  it('deletes blobs also after an interrupt, until it is told to leave them', async () => {
    const { address } = await coordinators.start({ topology: formedCluster() });
    const interrupted = AbortSignal.abort(new StratumError('CANCELLED', 'interrupted'));
    const options = { coordinators: [address], timeoutMs: 2_000, signal: interrupted };
    const cluster = new GrpcConnection(options, { clock: systemClock, random: systemRandom });
    open.push(cluster);
    const oids = [oidOf(Buffer.from('a blob'))];
    // It gets as far as the nodes, where nothing listens.
    const deleting = cluster.deleteBlobs(oids, new AbortController().signal);
    await expect(deleting).rejects.toMatchObject({ code: 'UNREACHABLE' });
    await expect(cluster.deleteBlobs(oids, interrupted)).rejects.toMatchObject({ code: 'CANCELLED' });
  });

  it('says within its time-out which coordinator does not answer', async () => {
    const cluster = connect('127.0.0.1:1', 200);
    await expect(cluster.snapshot()).rejects.toMatchObject({
      code: 'UNREACHABLE',
      message: expect.stringContaining('127.0.0.1:1'),
    });
    // The same reason where a topology is followed: a new user meets it there first.
    await expect(cluster.objects()).rejects.toMatchObject({
      code: 'UNREACHABLE',
      message: expect.stringContaining('ECONNREFUSED'),
    });
  });
});

describe('a command over gRPC', () => {
  const world = {
    connect: async (options: ConstructorParameters<typeof GrpcConnection>[0]) =>
      new GrpcConnection(options, { clock: systemClock, random: systemRandom }),
  };

  it('finds the coordinators by flag and by variable', async () => {
    const { address } = await coordinators.start({ topology: formedCluster() });
    const byFlag = await runCommand(['leader', 'show', '--coordinator', address, '--field', 'address'], world);
    expect(byFlag).toMatchObject({ exitCode: 0, stdout: `${address}\n` });
    const env = { STRATUM_COORDINATORS: `127.0.0.1:1,${address}` };
    const byVariable = await runCommand(['leader', 'show', '--field', 'address'], { ...world, env });
    expect(byVariable).toMatchObject({ exitCode: 0, stdout: `${address}\n` });
  });

  it.each([
    [['leader', 'show', '--field', 'leaderId'], 'coordinator-1\n'],
    [['node', 'list', '--field', 'source.node'], 'coordinator\n'],
    [['leader', 'transfer', '--dry-run', '--field', 'before.leaderId'], 'coordinator-1\n'],
  ])('goes on at the next coordinator when the first accepts and never answers: %j', async (argv, expected) => {
    const { address } = await coordinators.start({ topology: formedCluster() });
    const among = ['--coordinator', await coordinators.startSilent(), '--coordinator', address];
    const { exitCode, stdout } = await runCommand([...argv, ...among, '--timeout', '2500ms'], world);
    expect({ exitCode, stdout }).toEqual({ exitCode: 0, stdout: expected });
  });

  it('lists the nodes without a leader, and tells a program what is missing and why', async () => {
    const topology = formedCluster();
    const { address } = await coordinators.startFollower(undefined, topology);
    const argv = ['node', 'list', '--coordinator', address, '--timeout', '2s', '-o', 'json'];
    const { exitCode, stdout } = await runCommand(argv, world);
    expect(exitCode).toBe(0);
    const { items, unreachable } = JSON.parse(stdout);
    expect(items).toHaveLength(topology.nodes.size);
    expect(unreachable).toEqual([{ node: 'leader', reason: expect.stringContaining('no coordinator leads') }]);
  });

  it('names every coordinator that it waited for', async () => {
    const silent = await Promise.all([1, 2, 3].map(() => coordinators.startSilent()));
    const argv = ['leader', 'show', ...silent.flatMap((address) => ['--coordinator', address]), '-o', 'json'];
    const { exitCode, stderr } = await runCommand([...argv, '--timeout', '1300ms'], world);
    const { message } = JSON.parse(stderr);
    const named = silent.filter((address) => message.includes(address));
    // Each is waited for a second while there are others: the third may have no time left.
    expect({ exitCode, named: named.slice(0, 2) }).toEqual({ exitCode: 7, named: silent.slice(0, 2) });
  });

  it('moves a partition to a node that has to catch up first, as its primary lets it in', async () => {
    const topology = partitionTopology([samplePartition(0, [1, 2, 3])]);
    const { address, consensus } = await coordinators.start({ topology });
    const moving = runCommand(
      ['partition', 'move', '0', '--to', 'metadata-4', '--yes', '--coordinator', address],
      world,
    );
    const partition = () => consensus.current().partitions[0] ?? samplePartition(0, []);
    await vi.waitFor(() => expect(partition().replicas).toContain('metadata-4'), { timeout: 10_000 });
    const terms = { acceptDataLoss: false, raiseEpoch: false, by: { actor: 'metadata-1', reason: '' } };
    await consensus.propose({
      kind: 'change-partition',
      atMs: 1,
      partition: { ...partition(), inSync: [...partition().inSync, 'metadata-4'] },
      generations: new Map([['metadata-4', 7n]]),
      ...terms,
    });
    expect(await moving).toMatchObject({
      exitCode: 0,
      stdout: expect.stringMatching(/^0\t\d+\tmetadata-4\t/),
      stderr: expect.stringContaining('metadata-4 is the primary of partition 0 now, metadata-1 was before'),
    });
    expect(partition().primaryId).toBe('metadata-4');
  });

  it('reads the leader’s plan for the partitions', async () => {
    const topology = partitionTopology([samplePartition(0, [1, 2])], {
      'metadata-3': 'SUSPECT',
      'metadata-4': 'SUSPECT',
    });
    const { address } = await coordinators.start({ topology });
    const { exitCode, stdout } = await runCommand(['partition', 'plan', '--coordinator', address, '-o', 'json'], world);
    expect(exitCode).toBe(0);
    expect(JSON.parse(stdout)).toMatchObject({
      kind: 'PartitionPlan',
      source: { node: 'coordinator' },
      items: [{ partition: 0, step: 'add-replica' }],
    });
  });

  it('ends with 7 and one line when no coordinator answers', async () => {
    const argv = ['topology', 'show', '--coordinator', '127.0.0.1:1', '--timeout', '200ms', '-o', 'json'];
    const { exitCode, stdout, stderr } = await runCommand(argv, world);
    expect({ exitCode, stdout }).toEqual({ exitCode: 7, stdout: '' });
    expect(JSON.parse(stderr)).toMatchObject({ code: 'UNREACHABLE', retryable: true, exitCode: 7 });
  });
});
