import { Metadata } from '@grpc/grpc-js';
import type { Clock } from '../../base/clock.ts';
import type { StratumError } from '../../base/errors.ts';
import type { Oid } from '../../base/oid.ts';
import { MiB } from '../../base/units.ts';
import type { ChannelPool } from '../../rpc/channel-pool.ts';
import {
  type GetBlobsRequest,
  type GetBlobsResponse,
  ObjectServiceClient,
  ObjectServiceService,
  type PutBlobsRequest,
  type PutBlobsResponse,
} from '../../rpc/gen/stratum/v1/object.ts';
import { decodeGetBlobsResponse, encodePutBlobsRequest } from '../../rpc/small-blob-codec.ts';
import type { PutFate, SmallBlob, SmallBlobAnswer } from '../../store/blob-store.ts';
import { getBlobsCodec } from './get-blobs-codec.ts';
import { putBlobsCodec } from './put-blobs-codec.ts';
import { SharedStream } from './shared-stream.ts';

/** Messages of each kind that are on their way to a node at once: the node works on as many as it takes ahead. */
const messagesMax = 4;

/** Of PutBlobs: a message holds what a node writes in one commit, and stays below the 4 MiB of object.proto. */
const put = { messagesMax, itemsMax: 1_024, bytesMax: MiB };

/** Of GetBlobs: even if each blob is 64 KiB, an answer is one message. */
const get = { messagesMax, itemsMax: 64, bytesMax: MiB };

/** Long enough to serve the next burst, short enough not to be held for a node that nobody asks. */
const idleMs = 30_000;

/** A disk that syncs answers within tens of milliseconds; one that is silent for longer is given up with its stream. */
const stallMs = 2_000;

/** The streams of small blobs to one node, which all callers share: one for puts, one for gets. */
export class SmallBlobStreams {
  readonly #put: SharedStream<SmallBlob, PutBlobsRequest, PutBlobsResponse, PutFate>;
  readonly #get: SharedStream<Oid, GetBlobsRequest, GetBlobsResponse, SmallBlobAnswer | StratumError>;

  constructor(
    { endpoint }: { readonly endpoint: string },
    { pool, clock }: { readonly pool: ChannelPool; readonly clock: Clock },
  ) {
    const { putBlobs, getBlobs } = ObjectServiceService;
    const client = () => pool.client(ObjectServiceClient, endpoint);
    const openPut = () =>
      client().makeBidiStreamRequest(
        putBlobs.path,
        encodePutBlobsRequest,
        putBlobs.responseDeserialize,
        new Metadata(),
        {},
      );
    const openGet = () =>
      client().makeBidiStreamRequest(
        getBlobs.path,
        getBlobs.requestSerialize,
        decodeGetBlobsResponse,
        new Metadata(),
        {},
      );
    this.#put = new SharedStream(
      { ...put, endpoint, method: 'ObjectService.PutBlobs', idleMs, stallMs },
      { clock, codec: putBlobsCodec, open: openPut },
    );
    this.#get = new SharedStream(
      { ...get, endpoint, method: 'ObjectService.GetBlobs', idleMs, stallMs },
      { clock, codec: getBlobsCodec, open: openGet },
    );
  }

  /** A fate for each blob, in order; `fence` is its key (keyOfFence). */
  put(blobs: readonly SmallBlob[], fence: string, signal: AbortSignal): Promise<readonly PutFate[]> {
    return this.#put.ask({ items: blobs, key: fence, signal });
  }

  /** An answer for each id, in order; an error for one that is too large for a message. */
  get(oids: readonly Oid[], signal: AbortSignal): Promise<readonly (SmallBlobAnswer | StratumError)[]> {
    return this.#get.ask({ items: oids, key: '', signal });
  }

  /** Ends both streams; calls that are not answered fail. */
  close(): void {
    this.#put.close();
    this.#get.close();
  }
}
