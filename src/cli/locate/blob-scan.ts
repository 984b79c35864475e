import { asStratumError, type StratumError } from '../../base/errors.ts';
import type { Oid } from '../../base/oid.ts';
import type { ListedBlob } from '../../store/blob-store.ts';
import type { Topology } from '../../topology/topology.ts';
import type { ClusterConnection } from '../connection.ts';
import type { Unreachable } from '../output/envelope.ts';

/** Entries of all nodes that are held at once; a page of each node is a share of them. */
const entriesHeldMax = 200_000;

/** Entries of one page: what ListBlobs gives, and the least that is worth a call. */
const pageEntriesMax = 10_000;
const pageEntriesMin = 100;

/** The part of a cluster that lists blobs. */
export type ListedCluster = Pick<ClusterConnection, 'blobPage' | 'silentNodes'>;

/** A blob that at least one node lists. */
export interface ScannedBlob {
  readonly oid: Oid;
  /** The nodes that list a good copy, its own or not. */
  readonly holders: ReadonlySet<string>;
  /** The nodes that list a copy that is damaged, or that they cannot tell of. */
  readonly damagedAt: ReadonlySet<string>;
}

/** The blobs of a stretch of the ring. */
export interface ScannedStretch {
  /** By position. */
  readonly blobs: readonly ScannedBlob[];
  /** How much of the ring has been scanned, 0 to 1. */
  readonly done: number;
}

/**
 * All blobs of a cluster by position, from the sorted listings of all object nodes, side by side. What
 * is put or deleted meanwhile may be listed by some nodes only. A node that does not answer is
 * left out from there on, and named.
 */
export class BlobScan {
  readonly #listings: readonly NodeListing[];

  constructor(topology: Topology, modules: { readonly cluster: ListedCluster }) {
    const objectNodes = [...topology.nodes.values()].filter(({ roles }) => roles.includes('object'));
    const nodeIds = new Set([...objectNodes.map(({ id }) => id), ...topology.ring.nodes.map(({ nodeId }) => nodeId)]);
    const share = Math.floor(entriesHeldMax / Math.max(1, nodeIds.size));
    const pageEntries = Math.min(pageEntriesMax, Math.max(pageEntriesMin, share));
    this.#listings = [...nodeIds].map((nodeId) => {
      return new NodeListing({ nodeId, address: topology.nodes.get(nodeId)?.address ?? '', pageEntries }, modules);
    });
  }

  /** Nodes whose listing ended with an error. */
  get unreachable(): readonly Unreachable[] {
    return this.#listings.flatMap(({ nodeId, failure }) =>
      failure === undefined ? [] : [{ node: nodeId, reason: failure }],
    );
  }

  /** Rejects with the signal's reason alone. */
  async *stretches(signal: AbortSignal): AsyncGenerator<ScannedStretch, void, undefined> {
    while (true) {
      await Promise.all(this.#listings.map((listing) => listing.fill(signal)));
      // Up to here every listing is known: the nearest end of a page that has another behind it.
      const ends = this.#listings.flatMap(({ knownTo }) => (knownTo === undefined ? [] : [knownTo]));
      const end = ends.reduce<Oid | undefined>(
        (least, each) => (least === undefined || each < least ? each : least),
        undefined,
      );
      yield { blobs: this.#take(end), done: end === undefined ? 1 : Number.parseInt(end.slice(0, 8), 16) / 2 ** 32 };
      if (end === undefined) return;
    }
  }

  /** The blobs up to an id, inclusive, or all; by position. */
  #take(end: Oid | undefined): ScannedBlob[] {
    const found = new Map<Oid, { oid: Oid; holders: Set<string>; damagedAt: Set<string> }>();
    for (const listing of this.#listings) {
      for (const { oid, presence } of listing.take(end)) {
        const blob = found.get(oid) ?? { oid, holders: new Set(), damagedAt: new Set() };
        found.set(oid, blob);
        (presence === 'PRESENT' ? blob.holders : blob.damagedAt).add(listing.nodeId);
      }
    }
    return [...found.values()].sort((a, b) => (a.oid < b.oid ? -1 : 1));
  }
}

/** The listing of one node, a page at a time. */
class NodeListing {
  readonly nodeId: string;
  /** Why it ended before its end. */
  failure: string | undefined;
  readonly #address: string;
  readonly #pageEntries: number;
  readonly #cluster: ListedCluster;
  #entries: readonly ListedBlob[] = [];
  #cursor: Oid | undefined;
  #isLast = false;

  constructor(
    options: { readonly nodeId: string; readonly address: string; readonly pageEntries: number },
    modules: { readonly cluster: ListedCluster },
  ) {
    this.nodeId = options.nodeId;
    this.#address = options.address;
    this.#pageEntries = options.pageEntries;
    this.#cluster = modules.cluster;
  }

  /** The last id of the page when there may be more behind it. */
  get knownTo(): Oid | undefined {
    return this.#isLast ? undefined : this.#entries.at(-1)?.oid;
  }

  /** Fetches until there are entries or the end. */
  async fill(signal: AbortSignal): Promise<void> {
    if (this.#address === '' && !this.#isLast) {
      this.failure = 'the node is not registered';
      this.#isLast = true;
    }
    while (this.#entries.length === 0 && !this.#isLast) {
      const silence = this.#cluster.silentNodes.errorOf(this.nodeId);
      if (silence !== undefined) return this.#end(silence);
      try {
        const page = await this.#cluster.blobPage(this.nodeId, this.#address, this.#cursor, this.#pageEntries);
        this.#entries = page.entries;
        this.#cursor = page.nextCursor;
        this.#isLast = page.nextCursor === undefined;
      } catch (error) {
        signal.throwIfAborted();
        this.#cluster.silentNodes.note(this.nodeId, error);
        this.#end(asStratumError(error));
      }
    }
  }

  #end({ code, message }: StratumError): void {
    this.failure = `${code}: ${message}`;
    this.#isLast = true;
  }

  /** The entries up to an id, inclusive, or all; they are forgotten here. */
  take(end: Oid | undefined): readonly ListedBlob[] {
    const behind = end === undefined ? -1 : this.#entries.findIndex(({ oid }) => oid > end);
    const taken = behind === -1 ? this.#entries : this.#entries.slice(0, behind);
    this.#entries = behind === -1 ? [] : this.#entries.slice(behind);
    return taken;
  }
}
