import { StratumError } from '../../base/errors.ts';
import { applyUpdate } from '../../topology/apply-update.ts';
import type { TopologyUpdate } from '../../topology/topology.ts';
import type { TopologyCopy } from '../topology-copy.ts';
import type { Found } from './coordination-store.ts';
import { decodeHead, decodeSnapshot, decodeUpdateRecord, etcdKeys } from './etcd-records.ts';

/**
 * Brings a copy to what a read has found: head, and either the updates above the copy's version or the
 * snapshot and all updates. False when the store has no cluster yet, or when the updates no longer
 * reach back to the copy: then the snapshot must be read. `askedVersion` is the copy's when the read
 * was sent. DATA_CORRUPT when parts are missing, and when the store has gone back behind that version.
 */
export function takeFound(copy: TopologyCopy, found: Found, askedVersion: bigint | undefined): boolean {
  const valueNamed = (name: string) => found.keys.find(({ key }) => key === name)?.value;
  const head = valueNamed(etcdKeys.head);
  if (head === undefined) {
    const isNew = askedVersion === undefined && found.keys.every(({ key }) => !isTopology(key));
    if (isNew) return false;
    throw corrupt('no version, beside parts of a topology');
  }
  const headVersion = decodeHead(head);
  if (askedVersion !== undefined && headVersion < askedVersion) {
    throw corrupt(`version ${headVersion}, and this coordinator has seen ${askedVersion}`);
  }
  const updates = found.keys
    .filter(({ key }) => key.startsWith(etcdKeys.updates))
    .map(({ value }) => decodeUpdateRecord(value));
  const snapshot = valueNamed(etcdKeys.snapshot);
  if (snapshot !== undefined) {
    const from = decodeSnapshot(snapshot);
    copy.jump(updates.filter(({ version }) => version > from.version).reduce(applyUpdate, from), updates);
  } else {
    if (!reaches(copy.version, updates, headVersion)) return false;
    for (const update of updates) copy.apply(update);
  }
  const version = copy.version ?? 0n;
  if (version >= headVersion) return true;
  throw corrupt(`version ${headVersion}, and updates that end at ${version}`);
}

function isTopology(key: string): boolean {
  return key === etcdKeys.snapshot || key.startsWith(etcdKeys.updates);
}

function corrupt(what: string): StratumError {
  return new StratumError('DATA_CORRUPT', `etcd holds ${what}`, undefined, {
    hint: 'keys below the prefix were deleted, or etcd was restored from a backup: stop all coordinators first, then start them again (docs/coordinators.md)',
  });
}

function reaches(version: bigint | undefined, updates: readonly TopologyUpdate[], headVersion: bigint): boolean {
  if (version === undefined) return false;
  return version >= headVersion || updates.some((update) => update.version === version + 1n);
}
