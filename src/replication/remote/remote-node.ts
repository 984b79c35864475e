import type { Clock } from '../../base/clock.ts';
import { hasCode, StratumError } from '../../base/errors.ts';
import { type Oid, oidToBytes } from '../../base/oid.ts';
import { MiB } from '../../base/units.ts';
import { callUnary } from '../../rpc/call.ts';
import type { ChannelPool } from '../../rpc/channel-pool.ts';
import { ObjectServiceClient } from '../../rpc/gen/stratum/v1/object.ts';
import { smallBlobBytesMax } from '../../rpc/limits.ts';
import type { PutFate, SmallBlob, SmallBlobAnswer } from '../../store/blob-store.ts';
import type { BlobSource } from '../blob-source.ts';
import { FlightLimit } from '../flight-limit.ts';
import type { NodeIo } from '../node-directory.ts';
import type { BlobPresenceReport, BlobStream, ByteRange, Fence, NodeCallOptions } from '../node-io.ts';
import { decodePresence } from '../presence-codec.ts';
import { CallLife } from './call-life.ts';
import { garbled } from './connection-error.ts';
import { HttpBlobs } from './http-blobs.ts';
import { keyOfFence } from './put-blobs-codec.ts';
import { readSource } from './read-source.ts';
import { SmallBlobStreams } from './small-blob-streams.ts';

/** Which node, and where. */
export interface RemoteNodeOptions {
  readonly nodeId: string;
  /** host:port. */
  readonly endpoint: string;
}

/** What a remote node works with. */
export interface RemoteNodeModules {
  readonly pool: ChannelPool;
  readonly clock: Clock;
  /** Gives the header `traceparent` of a call; small blobs have none, for their streams carry the calls of many. */
  readonly traceparent?: (() => string | undefined) | undefined;
}

/**
 * What may be on its way to one node: bytes of small blobs, and calls. Beyond it callers wait in the
 * order of coming, under their own deadlines.
 */
const flight = { countMax: 4_096, bytesMax: 16 * MiB, waitingMax: 100_000 };

/**
 * An object node of another process. Small blobs share one stream of frames each way (src/rpc/blob-frames.ts), large ones have a
 * request of HTTP/1.1 each, on the same port (src/rpc/blob-http.ts); everything else is a call.
 */
export class RemoteNode implements NodeIo {
  readonly nodeId: string;
  readonly endpoint: string;
  readonly #pool: ChannelPool;
  readonly #clock: Clock;
  readonly #http: HttpBlobs;
  readonly #streams: SmallBlobStreams;
  readonly #flight = new FlightLimit(flight);

  constructor(options: RemoteNodeOptions, modules: RemoteNodeModules) {
    this.nodeId = options.nodeId;
    this.endpoint = options.endpoint;
    this.#pool = modules.pool;
    this.#clock = modules.clock;
    this.#http = new HttpBlobs(options, modules);
    this.#streams = new SmallBlobStreams(options, modules);
  }

  async put(source: BlobSource, fence: Fence, options: NodeCallOptions): Promise<{ readonly existed: boolean }> {
    if (source.size > smallBlobBytesMax) return this.#http.put(source, fence, options);
    return this.#admitted('PutBlobs', source.size, options, async (signal) => {
      const content = await readSource(source, signal);
      const [fate] = await this.#streams.put([{ oid: source.oid, content }], keyOfFence(fence), signal);
      if (fate === undefined) throw garbled(this.#place('PutBlobs'), 'nothing');
      if (fate instanceof StratumError) throw fate;
      return fate;
    });
  }

  async get(oid: Oid, range: ByteRange, options: NodeCallOptions): Promise<BlobStream> {
    // HTTP has no range without bytes: one is asked for and not read.
    if (range.length !== 0) return this.#http.get(oid, range, options);
    const { size, chunks } = await this.#http.get(oid, { ...range, length: 1 }, options);
    for await (const _ of chunks); // To its end: the connection is used again.
    return { size, chunks: noChunks() };
  }

  putMany(blobs: readonly SmallBlob[], fence: Fence, options: NodeCallOptions): Promise<readonly PutFate[]> {
    let bytes = 0;
    for (const { content } of blobs) bytes += content.length;
    return this.#admitted('PutBlobs', bytes, options, async (signal) => {
      const fates = await this.#streams.put(blobs, keyOfFence(fence), signal);
      const [first] = fates;
      // The fence is the call's, not a blob's: who has an old one is told so once.
      if (isStale(first) && fates.every(isStale)) throw first;
      return fates;
    });
  }

  getMany(oids: readonly Oid[], options: NodeCallOptions): Promise<readonly SmallBlobAnswer[]> {
    return this.#admitted('GetBlobs', 0, options, async (signal) => {
      const answers: SmallBlobAnswer[] = [];
      for (const answer of await this.#streams.get(oids, signal)) {
        if (answer instanceof StratumError) throw answer;
        answers.push(answer);
      }
      return answers;
    });
  }

  async has(oids: readonly Oid[], verify: boolean, options: NodeCallOptions): Promise<readonly BlobPresenceReport[]> {
    const client = this.#pool.client(ObjectServiceClient, this.endpoint);
    const request = { oids: oids.map(oidToBytes), verify };
    const target = { ...options, ...this.#place('ObjectService.HasBlobs'), clock: this.#clock };
    const { results } = await callUnary(client.hasBlobs.bind(client), request, target);
    return oids.map((oid, index) => {
      const result = results[index];
      if (result === undefined || result.oid.toString('hex') !== oid) {
        throw garbled(this.#place('HasBlobs'), 'answers that are not in the order of the questions');
      }
      const { presence, size, storedAtMs } = result;
      return { oid, presence: decodePresence(presence), size: Number(size), storedAtMs: Number(storedAtMs) };
    });
  }

  /** Closes what is kept open between calls; calls in flight fail. The pool is its owner's to close. */
  close(): void {
    this.#streams.close();
    this.#http.close();
  }

  /** Does the work when there is room for it, within the call's time. */
  async #admitted<T>(
    method: string,
    bytes: number,
    options: NodeCallOptions,
    work: (signal: AbortSignal) => Promise<T>,
  ): Promise<T> {
    const life = new CallLife(options, this.#place(method), { clock: this.#clock });
    try {
      if (!this.#flight.tryEnter(bytes) && !(await this.#flight.enter(bytes, life.signal))) {
        life.signal.throwIfAborted();
        const details = { retryAfterMs: 1_000 };
        throw new StratumError('OVERLOADED', `${flight.waitingMax} calls wait for ${this.endpoint}`, details);
      }
      try {
        return await work(life.signal);
      } finally {
        this.#flight.leave(bytes);
      }
    } finally {
      life.end();
    }
  }

  #place(method: string) {
    return { endpoint: this.endpoint, method };
  }
}

function isStale(fate: PutFate | undefined): fate is StratumError {
  return hasCode(fate, 'STALE_TERM') || hasCode(fate, 'STALE_EPOCH');
}

async function* noChunks(): AsyncGenerator<Buffer, void, undefined> {
  yield* [];
}
