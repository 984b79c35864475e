import { writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { MiB } from '../../src/base/units.ts';
import { JournaledMetadataStore } from '../../src/node/metadata/journaled-metadata-store.ts';
import { NodeIntent } from '../../src/rpc/gen/stratum/v1/types.ts';
import type { Topology } from '../../src/topology/topology.ts';
import { smallDisk } from '../unit/store/small-disk.ts';
import { MetadataCluster } from './metadata-cluster.ts';
import { isWhole, type MetadataConnection } from './metadata-connection.ts';
import { MetadataTraffic } from './metadata-traffic.ts';
import { until } from './until.ts';

const moveTimeoutMs = 120_000;
/** Of 64, so that each node is the primary of some and a secondary of others. */
const busyPartitions = 6;
const pushesWhileFull = 10;
const diskBytes = 24 * MiB;

/** How many partitions each metadata node holds, and is the primary of. */
function loads({
  partitions,
}: Topology): Readonly<Record<string, { readonly replicas: number; readonly primaries: number }>> {
  const ids = [...new Set(partitions.flatMap(({ replicas }) => replicas))].sort();
  return Object.fromEntries(
    ids.map((id) => {
      const replicas = partitions.filter((each) => each.replicas.includes(id)).length;
      return [id, { replicas, primaries: partitions.filter(({ primaryId }) => primaryId === id).length }];
    }),
  );
}

describe('metadata nodes that come and go while clients push and fetch', () => {
  let cluster: MetadataCluster;
  let connection: MetadataConnection;
  let traffic: MetadataTraffic;
  let disk: Awaited<ReturnType<typeof smallDisk>>;

  beforeAll(async () => {
    cluster = await MetadataCluster.start({ frontends: 1 });
    connection = await cluster.connect();
    traffic = await MetadataTraffic.start(cluster, busyPartitions);
  });
  afterAll(async () => {
    await traffic?.stop();
    await cluster?.remove();
    await disk?.remove();
  });

  const expectNoFailure = async (what: string) => {
    await traffic.goesOn();
    console.log(`${what}: ${traffic.summary()}; ${JSON.stringify(loads(connection.topology))}`);
    expect(traffic.failures.splice(0)).toEqual([]);
    expect(await traffic.lost()).toEqual([]);
  };

  const spreadOfPrimaries = (topology: Topology, ids: readonly string[]) => {
    const counts = ids.map((id) => loads(topology)[id]?.primaries ?? 0);
    return Math.max(...counts) - Math.min(...counts);
  };

  const inSyncEverywhere = ({ partitions }: Topology) =>
    partitions.every(({ inSync, replicas }) => inSync.length === replicas.length && replicas.length === 3);

  it('lose no request to a partition that is moved', async () => {
    await traffic.goesOn();
    const { id, primaryId, inSync } = connection.partitionOf(traffic.repos[0]?.name ?? '');
    const target = inSync.find((each) => each !== primaryId) ?? expect.unreachable();
    const moved = await cluster.command('partition', 'move', `${id}`, '--to', target, '--yes', '--reason', 'a test');
    expect(moved).toMatchObject({ code: 0 });
    expect(connection.topology.partitions[id]?.primaryId).toBe(target);
    await expectNoFailure('moved');
  });

  it('give a share of the partitions to a node that is added, without a failed request', async () => {
    disk = await smallDisk(diskBytes);
    const added = await cluster.addMetadata('m4', disk === undefined ? {} : { dataDir: join(disk.path, 'data') });
    added.start();
    const share = (connection.topology.partitions.length * 3) / 4;
    const ids = ['m1', 'm2', 'm3', 'm4'];
    await connection.reaches('all is balanced', moveTimeoutMs, (topology) => {
      const held = loads(topology).m4?.replicas ?? 0;
      return inSyncEverywhere(topology) && held > share / 2 && spreadOfPrimaries(topology, ids) < 2;
    });
    await expectNoFailure('added');
  });

  it.skipIf(process.getuid?.() !== 0)('go on when the disk of one of them is full', async () => {
    if (disk === undefined) return;
    const filler = join(disk.path, 'filler');
    let full = false;
    for (let bytes = MiB; !full && bytes >= 4096; ) {
      await writeFile(filler, Buffer.alloc(bytes), { flag: 'a' }).catch(() => {
        full = bytes <= 4096;
        bytes = Math.max(4096, Math.floor(bytes / 16));
      });
    }
    // A node has room that it took when it was new: its journal. Small pushes go on, also where it is the primary.
    const counts = traffic.repos.map(({ name }) => ({ name, before: traffic.acknowledgedOf(name) }));
    await until('pushes to all partitions', moveTimeoutMs, (tell) => {
      tell(`${traffic.summary()} ${connection.describe()} ${traffic.failures.slice(-3).join('\n')}`);
      return counts.every(({ name, before }) => traffic.acknowledgedOf(name) >= before + pushesWhileFull) || undefined;
    });
    // Should that room be used up, a push is refused, and the pusher is told that nothing was done, and why.
    const refusal = /the disk of the metadata store .* is full/;
    const failures = traffic.failures.splice(0);
    expect(failures.filter((failure) => !refusal.test(failure))).toEqual([]);
    await writeFile(filler, '');
    await connection.reaches('all is whole', moveTimeoutMs, inSyncEverywhere);
    // What was refused until there was room.
    expect(traffic.failures.splice(0).filter((failure) => !refusal.test(failure))).toEqual([]);
    await expectNoFailure('full disk');
  });

  it('empty a node that is drained, without a failed request', async () => {
    await connection.setIntent('m1', NodeIntent.DRAIN);
    await connection.reaches(
      'm1 holds nothing',
      moveTimeoutMs,
      (topology) => inSyncEverywhere(topology) && loads(topology).m1 === undefined,
    );
    await expectNoFailure('drained');
    // What it held is gone from its disk too; a store can be looked at only when nobody else has it.
    await until('m1 has removed all', moveTimeoutMs, (tell) => {
      const removed = cluster.process('m1').log.match(/off the disk/g)?.length ?? 0;
      tell(`${removed} removed`);
      return removed >= 40 ? true : undefined;
    });
    await cluster.stop('m1');
    const store = await JournaledMetadataStore.open(join(cluster.process('m1').dataDir, 'metadata'));
    try {
      expect(store.read((reader) => [...reader.partitions()])).toEqual([]);
    } finally {
      await store.close();
    }
    cluster.process('m1').start();
    await expectNoFailure('its end');
  });

  it('take back a node whose disk was wiped, under its old name', async () => {
    const before = loads(connection.topology).m2;
    await cluster.process('m2').kill();
    await cluster.process('m2').wipe();
    cluster.process('m2').start();
    const ids = ['m2', 'm3', 'm4'];
    await connection.reaches('all is whole', moveTimeoutMs, isWhole(ids));
    expect(loads(connection.topology).m2?.replicas).toBe(before?.replicas);
    await traffic.goesOn();
    console.log(`wiped: ${traffic.summary()}\n${traffic.failures.join('\n')}`);
    expect(await traffic.lost()).toEqual([]);
  });
});
