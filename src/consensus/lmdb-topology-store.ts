import type { Database } from 'lmdb';
import { StratumError } from '../base/errors.ts';
import { TopologyUpdate as UpdateMessage } from '../rpc/gen/stratum/v1/coordinator.ts';
import { Topology as TopologyMessage } from '../rpc/gen/stratum/v1/types.ts';
import { decodeHeartbeatBatch, encodeHeartbeatBatch } from '../rpc/heartbeat-batch-codec.ts';
import { decodeTopology, decodeUpdate, encodeTopology, encodeUpdate } from '../rpc/topology-codec.ts';
import { isDiskFull } from '../store/disk-error.ts';
import { freeBytesOf } from '../store/free-bytes.ts';
import { singleKey } from '../store/keys.ts';
import { type LmdbEnvironment, openLmdb } from '../store/lmdb-environment.ts';
import type { Topology, TopologyUpdate } from '../topology/topology.ts';
import type { StoredCluster, StoreWrite, TopologyStore } from './topology-store.ts';

/** First byte of every record; the rest is the protocol's own encoding (a term: 8 bytes, big-endian). */
const recordVersion = 1;

/** The embedded driver's store: one LMDB environment in a folder whose lock the caller holds. */
export class LmdbTopologyStore implements TopologyStore {
  readonly #path: string;
  #database: LmdbEnvironment | undefined;

  constructor(options: { readonly path: string }) {
    this.#path = options.path;
  }

  async load(): Promise<StoredCluster | undefined> {
    this.#database = openLmdb(this.#path);
    return this.#read(this.#database);
  }

  /**
   * A synchronous transaction: it is flushed when it returns, and a full or failing disk is an
   * exception here and nowhere else. The writes are few and small, so that the stall does not count.
   */
  async write({ term, topology, update, heartbeats, forgetUpTo }: StoreWrite): Promise<void> {
    const database = this.#opened();
    try {
      database.transactionSync(() => {
        if (term !== undefined) database.putSync(singleKey('coordinatorTerm'), record(bigEndian(term)));
        if (topology !== undefined) database.putSync(singleKey('coordinatorTopology'), record(topologyBytes(topology)));
        if (update !== undefined) database.putSync(updateKey(update.version), record(updateBytes(update)));
        if (heartbeats !== undefined) {
          database.putSync(singleKey('coordinatorHeartbeats'), record(encodeHeartbeatBatch(heartbeats)));
        }
        const forgotten = forgetUpTo === undefined ? [] : [...database.getKeys(updateRange(0n, forgetUpTo))];
        for (const key of forgotten) database.removeSync(key);
      });
    } catch (error) {
      throw await this.#writeError(error);
    }
  }

  async close(): Promise<void> {
    await this.#database?.close();
    this.#database = undefined;
  }

  #read(database: Database<Buffer, Buffer>): StoredCluster | undefined {
    const term = database.get(singleKey('coordinatorTerm'));
    const topology = database.get(singleKey('coordinatorTopology'));
    const heartbeats = database.get(singleKey('coordinatorHeartbeats'));
    if (term === undefined && topology === undefined) return undefined;
    if (term === undefined || topology === undefined) throw this.#corrupt('the term or the topology is missing');
    try {
      const stored = {
        term: content(term).readBigUInt64BE(0),
        topology: decodeTopology(TopologyMessage.decode(content(topology))),
        updates: [...database.getRange(updateRange(0n, 2n ** 64n - 1n))].map(({ value }) =>
          decodeUpdate(UpdateMessage.decode(content(value))),
        ),
        heartbeats: heartbeats === undefined ? undefined : decodeHeartbeatBatch(content(heartbeats)),
      };
      assertGapless(stored);
      return stored;
    } catch (error) {
      throw this.#corrupt(error instanceof Error ? error.message : String(error), error);
    }
  }

  #opened(): LmdbEnvironment {
    if (this.#database !== undefined) return this.#database;
    throw new StratumError('SHUTTING_DOWN', `the store ${this.#path} is not open`);
  }

  #corrupt(reason: string, cause?: unknown): StratumError {
    return new StratumError(
      'DATA_CORRUPT',
      `the coordinator's store ${this.#path} cannot be read: ${reason}`,
      undefined,
      {
        hint: 'restore the folder from a copy; a new, empty one would be a new cluster',
        cause,
      },
    );
  }

  async #writeError(error: unknown): Promise<StratumError> {
    const reason = error instanceof Error ? error.message : String(error);
    const message = `the coordinator's store ${this.#path} cannot be written: ${reason}`;
    const freeBytes = await freeBytesOf(this.#path);
    if (!isDiskFull(error, freeBytes)) return new StratumError('INTERNAL', message, undefined, { cause: error });
    const actual = freeBytes === undefined ? {} : { actual: BigInt(freeBytes) };
    const details = { what: 'free disk of the coordinator', limit: 0n, ...actual };
    return new StratumError('DISK_FULL', message, details, { hint: 'free some space on its disk', cause: error });
  }
}

function updateKey(version: bigint): Buffer {
  return Buffer.concat([singleKey('coordinatorUpdate'), bigEndian(version)]);
}

/** Both ends included. */
function updateRange(from: bigint, to: bigint) {
  // LMDB's range ends before its end; one more byte puts the end just behind the last key.
  return { start: updateKey(from), end: Buffer.concat([updateKey(to), Buffer.alloc(1)]) };
}

function bigEndian(value: bigint): Buffer {
  const bytes = Buffer.alloc(8);
  bytes.writeBigUInt64BE(value);
  return bytes;
}

function topologyBytes(topology: Topology): Uint8Array {
  return TopologyMessage.encode(encodeTopology(topology)).finish();
}

function updateBytes(update: TopologyUpdate): Uint8Array {
  return UpdateMessage.encode(encodeUpdate(update)).finish();
}

function record(bytes: Uint8Array): Buffer {
  return Buffer.concat([Buffer.of(recordVersion), bytes]);
}

function content(bytes: Buffer): Buffer {
  if (bytes[0] === recordVersion) return bytes.subarray(1);
  throw new RangeError(`record version ${bytes[0]}, expected ${recordVersion}`);
}

function assertGapless({ topology, updates }: StoredCluster): void {
  const first = topology.version - BigInt(updates.length) + 1n;
  const gap = updates.findIndex(({ version }, index) => version !== first + BigInt(index));
  if (gap !== -1) throw new RangeError(`update ${updates[gap]?.version} is out of place before ${topology.version}`);
}
