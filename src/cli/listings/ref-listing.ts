import { isZeroId } from '../../git/object-id.ts';
import type { Ref, RepoLogEntry } from '../../rpc/gen/stratum/v1/metadata.ts';
import type { Listing, Source } from '../output/envelope.ts';
import { toTime } from '../output/json.ts';
import type { StreamedListing } from '../output/listing-stream.ts';

/** A ref in JSON. */
export interface RefItem {
  readonly name: string;
  readonly objectId: string;
  /** Of an annotated tag: the object that it leads to; otherwise empty. */
  readonly peeledId: string;
}

/** One change of a ref in JSON. */
export interface RefChangeItem {
  readonly at: string;
  readonly ref: string;
  readonly change: 'create' | 'update' | 'delete';
  /** Empty for a new ref. */
  readonly oldId: string;
  /** Empty for a deleted ref. */
  readonly newId: string;
  readonly actor: string;
  /** Hex. */
  readonly pushId: string;
  /** Position in the log of the repository's partition, and the epoch of the primary that committed it. */
  readonly index: bigint;
  readonly epoch: bigint;
}

/** A ref with its last change in JSON. */
export interface RefDetail extends RefItem {
  /** HEAD's branch; empty for any other ref. */
  readonly symbolicTarget: string;
  /** Null when the log does not reach back to it. */
  readonly lastChange: RefChangeItem | null;
}

/** The JSON form of a ref. */
export function refItem({ name, objectId, peeledId }: Ref): RefItem {
  return { name, objectId, peeledId };
}

/** The JSON form of a change. */
export function refChangeItem(entry: RepoLogEntry): RefChangeItem {
  const { atMs, ref, actor, pushId, index, epoch } = entry;
  const oldId = isZeroId(entry.oldId) ? '' : entry.oldId;
  const newId = isZeroId(entry.newId) ? '' : entry.newId;
  const change = oldId === '' ? 'create' : newId === '' ? 'delete' : 'update';
  const at = toTime(Number(atMs));
  return { at, ref, change, oldId, newId, actor, pushId: Buffer.from(pushId).toString('hex'), index, epoch };
}

/** The refs of a repository by name. */
export function refListing(
  items: readonly RefItem[],
  source: Source,
  extra: { readonly repo: string; readonly head: string; readonly refsGeneration: bigint },
): Listing<RefItem> {
  return {
    kind: 'RefList',
    source,
    items,
    rows: items,
    columns: [
      { header: 'ref', value: ({ name }) => name },
      { header: 'object', value: ({ objectId }) => objectId },
      { header: 'peeled', value: ({ peeledId }) => peeledId, wide: true },
    ],
    name: ({ name }) => `ref/${name}`,
    extra,
    emptyText: 'there is no such ref',
  };
}

/** Refs with their last changes. */
export function refDetails(batches: AsyncIterable<readonly RefDetail[]>, source: Source): StreamedListing<RefDetail> {
  return {
    kind: 'RefDetailList',
    source,
    batches,
    rowsOf: (ref) => [ref],
    columns: [
      { header: 'ref', value: ({ name }) => name },
      { header: 'object', value: ({ objectId }) => objectId },
      { header: 'changed', value: ({ lastChange }) => lastChange?.at ?? '' },
      { header: 'by', value: ({ lastChange }) => lastChange?.actor ?? '' },
      { header: 'symbolic', value: ({ symbolicTarget }) => symbolicTarget, wide: true },
      { header: 'peeled', value: ({ peeledId }) => peeledId, wide: true },
      { header: 'before', value: ({ lastChange }) => lastChange?.oldId ?? '', wide: true },
      { header: 'push', value: ({ lastChange }) => lastChange?.pushId ?? '', wide: true },
    ],
    name: ({ name }) => `ref/${name}`,
    unreachable: () => [],
  };
}

/** Changes of refs, newest first. */
export function refLogListing(
  items: readonly RefChangeItem[],
  source: Source,
  nextPageToken: string,
): Listing<RefChangeItem> {
  return {
    kind: 'RefLog',
    source,
    items,
    rows: items,
    columns: [
      { header: 'time', value: ({ at }) => at },
      { header: 'ref', value: ({ ref }) => ref },
      { header: 'change', value: ({ change }) => change },
      { header: 'old', value: ({ oldId }) => oldId },
      { header: 'new', value: ({ newId }) => newId },
      { header: 'by', value: ({ actor }) => actor },
      { header: 'push', value: ({ pushId }) => pushId, wide: true },
      { header: 'index', value: ({ index }) => index, wide: true, right: true },
      { header: 'epoch', value: ({ epoch }) => epoch, wide: true, right: true },
    ],
    name: ({ index, ref }) => `change/${index}/${ref}`,
    extra: { nextPageToken },
    emptyText: 'no change is recorded',
  };
}
