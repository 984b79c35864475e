import type { Clock } from '../base/clock.ts';
import { StratumError } from '../base/errors.ts';
import { type Oid, oidToBytes } from '../base/oid.ts';
import { type CallTarget, callClientStream, callDuplex, callServerStream, callUnary } from '../rpc/call.ts';
import type { ChannelPool } from '../rpc/channel-pool.ts';
import { decodeErrorDetail } from '../rpc/error-detail.ts';
import { ErrorDetail } from '../rpc/gen/stratum/v1/errors.ts';
import { type GetBlobResponse, ObjectServiceClient, type PutBlobRequest } from '../rpc/gen/stratum/v1/object.ts';
import type { PutFate, SmallBlob, SmallBlobAnswer } from '../store/blob-store.ts';
import type { BlobSource } from './blob-source.ts';
import type { NodeIo } from './node-directory.ts';
import type { BlobPresenceReport, BlobStream, ByteRange, Fence, NodeCallOptions } from './node-io.ts';
import { decodePresence } from './presence-codec.ts';

/** Which node, and where. */
export interface GrpcNodeOptions {
  readonly nodeId: string;
  /** host:port. */
  readonly endpoint: string;
}

/** An object node over gRPC. */
export class GrpcNode implements NodeIo {
  readonly nodeId: string;
  readonly endpoint: string;
  readonly #pool: ChannelPool;
  readonly #clock: Clock;

  constructor(options: GrpcNodeOptions, modules: { readonly pool: ChannelPool; readonly clock: Clock }) {
    this.nodeId = options.nodeId;
    this.endpoint = options.endpoint;
    this.#pool = modules.pool;
    this.#clock = modules.clock;
  }

  async put(source: BlobSource, fence: Fence, options: NodeCallOptions): Promise<{ readonly existed: boolean }> {
    const client = this.#client();
    const target = this.#target('PutBlob', options);
    const { existed } = await callClientStream(client.putBlob.bind(client), putRequests(source, fence), target);
    return { existed };
  }

  async get(oid: Oid, range: ByteRange, options: NodeCallOptions): Promise<BlobStream> {
    const client = this.#client();
    // On the wire, length 0 means "to the end": for no bytes at all, one is asked for and not read.
    const length = range.length === 0 ? 1 : (range.length ?? 0);
    const request = { oid: oidToBytes(oid), offset: BigInt(range.offset), length: BigInt(length) };
    const call = client.getBlob.bind(client);
    const responses = callServerStream(call, request, this.#target('GetBlob', options));
    const first = await responses.next();
    const part = first.done === true ? undefined : first.value.part;
    if (part?.$case !== 'size') {
      await responses.return();
      throw this.#garbled('GetBlob', 'a stream that does not begin with the size');
    }
    if (range.length !== 0) return { size: Number(part.value), chunks: this.#chunks(responses) };
    await responses.return();
    return { size: Number(part.value), chunks: noChunks() };
  }

  async putMany(blobs: readonly SmallBlob[], fence: Fence, options: NodeCallOptions): Promise<readonly PutFate[]> {
    const client = this.#client();
    const request = {
      fence: { ...fence },
      blobs: blobs.map(({ oid, content }) => ({ oid: oidToBytes(oid), content })),
    };
    const responses = callDuplex(client.putBlobs.bind(client), once(request), this.#target('PutBlobs', options));
    const fates: PutFate[] = [];
    for await (const { results } of responses) {
      for (const { stored, existed, error } of results) {
        fates.push(stored ? { existed } : decodeErrorDetail(ErrorDetail.decode(error)));
      }
    }
    if (fates.length !== blobs.length) throw this.#garbled('PutBlobs', `${fates.length} fates`);
    return fates;
  }

  async getMany(oids: readonly Oid[], options: NodeCallOptions): Promise<readonly SmallBlobAnswer[]> {
    const client = this.#client();
    const request = { oids: oids.map(oidToBytes) };
    const responses = callDuplex(client.getBlobs.bind(client), once(request), this.#target('GetBlobs', options));
    const answers: SmallBlobAnswer[] = [];
    for await (const { results } of responses) {
      for (const { presence, content } of results) {
        const said = decodePresence(presence);
        answers.push(said === 'PRESENT' ? { presence: said, content } : { presence: said });
      }
    }
    if (answers.length !== oids.length) throw this.#garbled('GetBlobs', `${answers.length} answers`);
    return answers;
  }

  async has(oids: readonly Oid[], verify: boolean, options: NodeCallOptions): Promise<readonly BlobPresenceReport[]> {
    const client = this.#client();
    const request = { oids: oids.map(oidToBytes), verify };
    const { results } = await callUnary(client.hasBlobs.bind(client), request, this.#target('HasBlobs', options));
    return oids.map((oid, index) => {
      const result = results[index];
      if (result === undefined || !result.oid.equals(oidToBytes(oid))) {
        throw this.#garbled('HasBlobs', 'answers that are not in the order of the questions');
      }
      const { presence, size, storedAtMs } = result;
      return { oid, presence: decodePresence(presence), size: Number(size), storedAtMs: Number(storedAtMs) };
    });
  }

  /** Not a generator: one that was never started would not end the call on `return`. */
  #chunks(responses: AsyncGenerator<GetBlobResponse, void, undefined>): AsyncIterableIterator<Buffer> {
    const iterator: AsyncIterableIterator<Buffer> = {
      next: async () => {
        const { done, value } = await responses.next();
        if (done === true) return { done, value: undefined };
        if (value.part?.$case === 'chunk') return { done: false, value: value.part.value };
        await responses.return();
        throw this.#garbled('GetBlob', 'something else where a chunk belongs');
      },
      return: async () => {
        await responses.return();
        return { done: true, value: undefined };
      },
      [Symbol.asyncIterator]: () => iterator,
    };
    return iterator;
  }

  #client(): ObjectServiceClient {
    return this.#pool.client(ObjectServiceClient, this.endpoint);
  }

  #target(method: string, { timeoutMs, signal }: NodeCallOptions): CallTarget {
    return { endpoint: this.endpoint, method: `ObjectService.${method}`, timeoutMs, clock: this.#clock, signal };
  }

  #garbled(method: string, what: string): StratumError<'DATA_CORRUPT'> {
    return new StratumError('DATA_CORRUPT', `${method} at ${this.nodeId} (${this.endpoint}) answered with ${what}`);
  }
}

async function* putRequests(source: BlobSource, fence: Fence): AsyncGenerator<PutBlobRequest, void, undefined> {
  const header = { oid: oidToBytes(source.oid), size: BigInt(source.size), fence: { ...fence } };
  yield { part: { $case: 'header', value: header } };
  for await (const chunk of source.open()) yield { part: { $case: 'chunk', value: chunk } };
}

async function* noChunks(): AsyncGenerator<Buffer, void, undefined> {
  yield* [];
}

async function* once<T>(item: T): AsyncGenerator<T, void, undefined> {
  yield item;
}
