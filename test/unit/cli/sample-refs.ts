import type { RepoLogEntry } from '../../../src/rpc/gen/stratum/v1/metadata.ts';
import { FakeCluster } from './fake-cluster.ts';

/** An object id of one digit. */
export const objectId = (digit: string) => digit.repeat(40);

/** A change of a ref; digits stand for object ids, 0 for none. */
export function sampleChange(index: number, ref: string, from: string, to: string): RepoLogEntry {
  return {
    index: BigInt(index),
    epoch: 5n,
    atMs: BigInt(1_700_000_000_000 + index),
    actor: index % 2 === 0 ? 'ada' : 'grace',
    ref,
    oldId: objectId(from),
    newId: objectId(to),
    pushId: Buffer.from([index, 0xff]),
  };
}

/** A repository with two branches, a tag of each kind, a deleted branch, and what changed them, newest first. */
export function refCluster(): FakeCluster {
  const cluster = new FakeCluster();
  const { refs, log } = cluster.addRepo('team/app', { refCount: 4n, refsGeneration: 6n });
  refs.push(
    { name: 'refs/heads/main', objectId: objectId('a'), peeledId: '' },
    { name: 'refs/heads/release/1#2', objectId: objectId('b'), peeledId: '' },
    { name: 'refs/tags/main', objectId: objectId('c'), peeledId: '' },
    { name: 'refs/tags/v1', objectId: objectId('d'), peeledId: objectId('e') },
  );
  log.push(
    sampleChange(6, 'refs/heads/gone', 'b', '0'),
    sampleChange(5, 'refs/heads/main', 'b', 'a'),
    sampleChange(4, 'refs/heads/gone', '0', 'b'),
    sampleChange(3, 'refs/tags/v1', '0', 'd'),
    sampleChange(2, 'refs/heads/main', '0', 'b'),
  );
  return cluster;
}
