import { StratumError } from '../../base/errors.ts';
import { applyUpdate } from '../../topology/apply-update.ts';
import type { TopologyUpdate } from '../../topology/topology.ts';
import type { TopologyCopy } from '../topology-copy.ts';
import type { Found } from './coordination-store.ts';
import { decodeHead, decodeSnapshot, decodeUpdateRecord, etcdKeys } from './etcd-records.ts';

/**
 * Brings a copy to what a read has found: head, and either the updates above the copy's version or the
 * snapshot and all updates. False when the store has no cluster yet, or when the updates no longer
 * reach back to the copy: then the snapshot must be read. DATA_CORRUPT when parts are missing.
 */
export function takeFound(copy: TopologyCopy, found: Found): boolean {
  const valueNamed = (name: string) => found.keys.find(({ key }) => key === name)?.value;
  const head = valueNamed(etcdKeys.head);
  if (head === undefined) return false;
  const headVersion = decodeHead(head);
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
  const message = `etcd names version ${headVersion}, and its updates end at ${version}`;
  throw new StratumError('DATA_CORRUPT', message, undefined, { hint: 'updates were deleted below the prefix' });
}

function reaches(version: bigint | undefined, updates: readonly TopologyUpdate[], headVersion: bigint): boolean {
  if (version === undefined) return false;
  return version >= headVersion || updates.some((update) => update.version === version + 1n);
}
