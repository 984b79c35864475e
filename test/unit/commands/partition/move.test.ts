import { describe, expect, it } from 'vitest';
import { StratumError } from '../../../../src/base/errors.ts';
import type { FakeCluster } from '../../cli/fake-cluster.ts';
import { type CommandWorld, runCommand } from '../../cli/run-command.ts';
import { joinInSync, partitionCluster, samplePartition } from '../../cli/sample-partitions.ts';

const move = (cluster: FakeCluster, argv: string[], world: CommandWorld = {}) =>
  runCommand(['partition', 'move', ...argv], { connect: cluster.connect, env: { STRATUM_ACTOR: 'ada' }, ...world });

const three = (...given: [Parameters<typeof partitionCluster>[1]?, Parameters<typeof partitionCluster>[2]?]) =>
  partitionCluster([samplePartition(0, [1, 2, 3])], ...given);

/** The primary takes the node in as soon as somebody watches for it. */
function catchingUp(cluster: FakeCluster, nodeId = 'metadata-4'): FakeCluster {
  cluster.watches = [[() => joinInSync(cluster, 0, nodeId)]];
  return cluster;
}

describe('stratum partition move', () => {
  it('makes a replica that is in sync the primary at once, and prints the partition', async () => {
    const cluster = three();
    const result = await move(cluster, ['0', '--to', 'metadata-2', '--yes', '--reason', 'new disk', '-o', 'json']);
    expect(result.exitCode).toBe(0);
    const sets = 'metadata-1 metadata-2 metadata-3 of metadata-1 metadata-2 metadata-3';
    expect(cluster.changes).toEqual([`partition 0: metadata-2 of ${sets} by ada: new disk`]);
    expect(JSON.parse(result.stdout)).toMatchObject({
      kind: 'Partition',
      items: [{ id: 0, epoch: '6', primaryId: 'metadata-2', state: 'ok' }],
    });
    expect(result.stderr).toContain('cluster cluster-a, version 14\n');
    expect(result.stderr).toContain('metadata-2 is the primary of partition 0 now, metadata-1 was before');
  });

  it('makes another node a replica, waits until it is in sync, and makes it the primary then', async () => {
    const cluster = catchingUp(three());
    const { exitCode, stdout, stderr } = await move(cluster, ['0', '--to', 'metadata-4', '--yes']);
    expect(exitCode).toBe(0);
    expect(cluster.changes.map((change) => change.split(' by ')[0])).toEqual([
      'partition 0: metadata-1 of metadata-1 metadata-2 metadata-3 of metadata-1 metadata-2 metadata-3 metadata-4',
      'partition 0: metadata-4 of metadata-1 metadata-2 metadata-3 metadata-4 of metadata-1 metadata-2 metadata-3 metadata-4',
    ]);
    expect(stdout).toMatch(/^0\t8\tmetadata-4\t/);
    expect(stderr).toMatch(
      /make metadata-4 a replica\nwait until metadata-1 finds that metadata-4 has caught up\nmake metadata-4 the primary/,
    );
  });

  it('takes the old primary out of the replicas with --replace', async () => {
    const cluster = catchingUp(three());
    const { exitCode, stdout } = await move(cluster, ['0', '--to', 'metadata-4', '--replace', '--yes']);
    const left = 'metadata-2,metadata-3,metadata-4';
    expect({ exitCode, stdout }).toEqual({ exitCode: 0, stdout: `0\t9\tmetadata-4\t${left}\t${left}\tok\n` });
  });

  it('keeps the other replicas with --replace though the coordinator takes one out meanwhile', async () => {
    const cluster = three();
    const joined = () => {
      joinInSync(cluster, 0, 'metadata-4');
      const { topology } = cluster;
      const epoch = (topology.partitions[0]?.epoch ?? 0n) + 1n;
      // It had one replica too many, and which of them leaves was for the coordinator to choose.
      const partitions = [samplePartition(0, [1, 3, 4], [1, 3, 4], epoch)];
      cluster.topology = { ...topology, version: topology.version + 1n, partitions };
      return { kind: 'full-sync', topology: cluster.topology } as const;
    };
    cluster.watches = [[joined]];
    const { exitCode, stdout, stderr } = await move(cluster, ['0', '--to', 'metadata-4', '--replace', '--yes']);
    expect({ exitCode, sets: stdout.split('\t').slice(2, 5) }).toEqual({
      exitCode: 0,
      sets: ['metadata-4', 'metadata-3,metadata-4', 'metadata-3,metadata-4,metadata-2'],
    });
    expect(stderr).toContain('take metadata-1 out of the replicas, and metadata-2 in again');
  });

  it('goes on where an earlier run ended', async () => {
    const cluster = catchingUp(partitionCluster([samplePartition(0, [1, 2], [1, 2, 4])]));
    const { exitCode } = await move(cluster, ['0', '--to', 'metadata-4', '--yes']);
    expect(exitCode).toBe(0);
    expect(cluster.changes).toHaveLength(1);
    expect(cluster.topology.partitions[0]?.primaryId).toBe('metadata-4');
  });

  it('has nothing to do when it is so already, and needs no confirmation for that', async () => {
    const cluster = three();
    const result = await move(cluster, ['0', '--to', 'metadata-1', '-o', 'name']);
    expect(result).toMatchObject({
      exitCode: 0,
      stdout: 'partition/0\n',
      stderr: expect.stringContaining('metadata-1 is the primary of partition 0 already'),
    });
    expect(cluster.changes).toEqual([]);
  });

  it('waits for nothing with --detach, and says how it goes on', async () => {
    const cluster = three();
    const { exitCode, stderr } = await move(cluster, ['0', '--to', 'metadata-4', '--detach', '--yes']);
    expect({ exitCode, changes: cluster.changes.length }).toEqual({ exitCode: 0, changes: 1 });
    expect(stderr).toContain('metadata-4 has caught up: the same command goes on then');
  });

  it('decides anew when somebody else has changed the partition', async () => {
    const cluster = three();
    const original = cluster.changePartition.bind(cluster);
    cluster.changePartition = (change, by) => {
      cluster.changePartition = original;
      // The coordinator has taken a laggard out of the in-sync set meanwhile.
      cluster.topology = { ...cluster.topology, version: 15n, partitions: [samplePartition(0, [1, 2], [1, 2, 3], 6n)] };
      return original(change, by);
    };
    const { exitCode, stdout } = await move(cluster, ['0', '--to', 'metadata-2', '--yes']);
    expect(exitCode).toBe(0);
    expect(stdout).toMatch(/^0\t7\tmetadata-2\tmetadata-1,metadata-2\t/);
  });

  it('gives up with 8 when the partition is another one each time', async () => {
    const cluster = three();
    const original = cluster.changePartition.bind(cluster);
    let tries = 0;
    cluster.changePartition = (change, by) => {
      tries += 1;
      const { version } = cluster.topology;
      const partitions = [samplePartition(0, [1, 2], [1, 2, 3], change.partition.epoch + 1n)];
      cluster.topology = { ...cluster.topology, version: version + 1n, partitions };
      return original(change, by);
    };
    const { exitCode, stdout } = await move(cluster, ['0', '--to', 'metadata-2', '--yes']);
    expect({ exitCode, stdout, changes: cluster.changes }).toEqual({ exitCode: 8, stdout: '', changes: [] });
    expect(tries).toBeGreaterThan(3);
  });

  it('gives up with 8 when the node is taken out of the replicas again and again', async () => {
    const cluster = three();
    const takenOut = () => {
      const { topology } = cluster;
      const epoch = (topology.partitions[0]?.epoch ?? 0n) + 1n;
      const partitions = [samplePartition(0, [1, 2, 3], [1, 2, 3], epoch)];
      cluster.topology = { ...topology, version: topology.version + 1n, partitions };
      return { kind: 'full-sync', topology: cluster.topology } as const;
    };
    cluster.watches = [Array.from({ length: 10 }, () => takenOut)];
    const { exitCode, stderr } = await move(cluster, ['0', '--to', 'metadata-4', '--yes']);
    expect({ exitCode, changes: cluster.changes.length }).toEqual({ exitCode: 8, changes: 3 });
    expect(stderr).toContain('was taken out of the replicas of partition 0 again');
  });

  it('ends with 124 when it takes too long, and says that it goes on', async () => {
    const cluster = three();
    const { exitCode, stdout, stderr } = await move(cluster, ['0', '--to', 'metadata-4', '--timeout', '50ms', '--yes']);
    expect({ exitCode, stdout }).toEqual({ exitCode: 124, stdout: '' });
    expect(stderr).toMatch(/was not moved in time, at: wait until metadata-1 finds[\s\S]*goes on/);
    expect(cluster.topology.partitions[0]?.replicas).toContain('metadata-4');
  });

  it('ends the waiting alone when it is interrupted, and says so', async () => {
    const cluster = three();
    const interrupt = new AbortController();
    cluster.watches = [
      [
        () => {
          interrupt.abort(new StratumError('CANCELLED', 'terminated'));
          return { kind: 'keepalive', version: 15n };
        },
      ],
    ];
    const world = { interrupted: interrupt.signal };
    const { exitCode, stderr } = await move(cluster, ['0', '--to', 'metadata-4', '--yes'], world);
    expect(exitCode).toBe(143);
    expect(stderr).toContain('only the waiting has ended');
  });

  it.each([
    [['--to', 'metadata-2'], 'make metadata-2 the primary in place of metadata-1', true],
    [['--to', 'metadata-4'], 'make metadata-4 a replica; wait until .*; make metadata-4 the primary', true],
    [['--to', 'metadata-4', '--replace'], '; take metadata-1 out of the replicas', true],
    [['--to', 'metadata-1'], 'metadata-1 is the primary already', false],
  ])('says in a dry run what %j would do, and changes nothing', async (argv, detail, changes) => {
    const cluster = three();
    const { exitCode, stdout } = await move(cluster, ['0', ...argv, '--dry-run', '-o', 'json']);
    expect({ exitCode, changes: cluster.changes }).toEqual({ exitCode: 0, changes: [] });
    const [item] = JSON.parse(stdout).items;
    expect(JSON.parse(stdout)).toMatchObject({ kind: 'Plan', dryRun: true });
    expect(item).toMatchObject({
      action: 'partition move',
      target: '0',
      changes,
      detail: expect.stringMatching(detail),
    });
    expect(item.after.primaryId).toBe(argv[1]);
  });

  it.each([
    ['without a terminal', {}, 9, 0],
    ['when the answer is no', { terminal: true, stdin: 'n\n' }, 9, 0],
    ['when the answer is yes', { terminal: true, stdin: 'y\n' }, 0, 1],
  ])('needs a confirmation: %s', async (_what, world, exitCode, changes) => {
    const cluster = three();
    const result = await move(cluster, ['0', '--to', 'metadata-2'], world);
    expect({ exitCode: result.exitCode, changes: cluster.changes.length }).toEqual({ exitCode, changes });
    expect(result.stderr).toContain('Move partition 0? make metadata-2 the primary');
  });

  it.each([
    ['a partition that there is not', ['7', '--to', 'metadata-2'], 3, /there is no partition 7/],
    ['a node that there is not', ['0', '--to', 'metadata-22'], 3, /did you mean "metadata-2"/],
    ['a node of another role', ['0', '--to', 'object-1'], 2, /metadata nodes: metadata-1/],
    ['a node that is down', ['0', '--to', 'metadata-3'], 9, /metadata-3 is DOWN/],
    ['a node that is to leave', ['0', '--to', 'metadata-4'], 9, /is to leave \(DRAIN\)/],
    ['a confirmation for nothing', ['0', '--to', 'metadata-2', '--confirm', '0'], 2, /accept-data-loss/],
    ['to wait and not to wait', ['0', '--to', 'metadata-2', '--wait', '--detach'], 2, /detach/],
    ['no node', ['0'], 2, /flag to/],
  ])('refuses %s', async (_what, argv, exitCode, message) => {
    const cluster = three({ 'metadata-3': 'DOWN' }, { 'metadata-4': { intent: 'DRAIN' } });
    const result = await move(cluster, [...argv, '--yes']);
    expect(result).toMatchObject({ exitCode, stdout: '', stderr: expect.stringMatching(message) });
    expect(cluster.changes).toEqual([]);
  });

  it('tells that a partition is not assigned yet', async () => {
    const cluster = partitionCluster([samplePartition(0, [], [], 0n)]);
    expect(await move(cluster, ['0', '--to', 'metadata-2', '--yes'])).toMatchObject({ exitCode: 7, stdout: '' });
  });
});

describe('stratum partition move --accept-data-loss', () => {
  const lost = () =>
    partitionCluster([samplePartition(0, [1, 2], [1, 2, 3])], { 'metadata-1': 'DOWN', 'metadata-2': 'DOWN' });
  const force = (cluster: FakeCluster, argv: string[], world: CommandWorld = {}) =>
    move(cluster, ['0', '--accept-data-loss', ...argv], world);

  it.each([
    ['--yes alone', ['--yes'], {}],
    ['another number', ['--confirm', '1'], {}],
    ['another answer', [], { terminal: true, stdin: 'y\n' }],
  ])('is not confirmed by %s, and tells what may be lost', async (_what, argv, world) => {
    const cluster = lost();
    const result = await force(cluster, ['--to', 'metadata-3', ...argv], world);
    expect({ exitCode: result.exitCode, changes: cluster.changes }).toEqual({ exitCode: 9, changes: [] });
    if (argv[0] !== '--confirm') expect(result.stderr).toMatch(/acknowledged since it was last in sync are lost/);
  });

  it('sends the change as it is confirmed: the node alone is in sync, with the generation that was seen', async () => {
    const cluster = lost();
    const asked: unknown[] = [];
    cluster.changePartition = (change) => {
      asked.push(change);
      return Promise.resolve({ ...change.partition, epoch: 6n });
    };
    const { exitCode, stdout } = await force(cluster, ['--to', 'metadata-3', '--confirm', '0']);
    expect({ exitCode, stdout: stdout.split('\t').slice(0, 4) }).toEqual({
      exitCode: 0,
      stdout: ['0', '6', 'metadata-3', 'metadata-3'],
    });
    const replicas = ['metadata-1', 'metadata-2', 'metadata-3'];
    const partition = { id: 0, epoch: 5n, primaryId: 'metadata-3', inSync: ['metadata-3'], replicas };
    expect(asked).toEqual([{ partition, generations: new Map([['metadata-3', 7n]]), acceptDataLoss: true }]);
  });

  it('drops those in sync that are gone when the node has everything itself', async () => {
    const cluster = partitionCluster([samplePartition(0, [1, 2], [1, 2, 3])], { 'metadata-1': 'DOWN' });
    const asked: unknown[] = [];
    cluster.changePartition = (change) => {
      asked.push(change.partition.inSync);
      return Promise.resolve({ ...change.partition, epoch: 6n });
    };
    const world = { terminal: true, stdin: '0\n' };
    const { exitCode, stderr } = await force(cluster, ['--to', 'metadata-2'], world);
    expect({ exitCode, asked }).toEqual({ exitCode: 0, asked: [['metadata-2']] });
    expect(stderr).toContain('It has all that was acknowledged, nothing is lost: make metadata-');
    expect(stderr).toContain('without waiting for metadata-1');
  });

  it('refuses to lose pushes while a node that has them is there', async () => {
    const cluster = partitionCluster([samplePartition(0, [1, 2], [1, 2, 3])], { 'metadata-1': 'DOWN' });
    const result = await force(cluster, ['--to', 'metadata-3', '--confirm', '0']);
    expect(result).toMatchObject({ exitCode: 9, stderr: expect.stringContaining('--to metadata-2 loses none') });
  });
});
