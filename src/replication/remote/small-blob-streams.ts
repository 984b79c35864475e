import type { Clock } from '../../base/clock.ts';
import type { StratumError } from '../../base/errors.ts';
import type { Oid } from '../../base/oid.ts';
import { MiB } from '../../base/units.ts';
import { FrameRoom } from '../../rpc/frame-room.ts';
import type {
  GetBlobsRequest,
  GetBlobsResponse,
  PutBlobsRequest,
  PutBlobsResponse,
} from '../../rpc/gen/stratum/v1/object.ts';
import { getBlobsStream, putBlobsStream } from '../../rpc/small-blob-frames.ts';
import type { PutFate, SmallBlob, SmallBlobAnswer } from '../../store/blob-store.ts';
import { FrameStream } from './frame-stream.ts';
import { getBlobsCodec } from './get-blobs-codec.ts';
import { putBlobsCodec } from './put-blobs-codec.ts';
import { SharedStream } from './shared-stream.ts';

/** Of PutBlobs: a message holds what a node writes in one commit, and stays below the 4 MiB of object.proto. */
const put = { messagesMax: 4, itemsMax: 1_024, bytesMax: MiB };

/**
 * Of GetBlobs: few and large messages, for each costs both ends a turn and the kernel a wake-up (docs/performance.md).
 * While one answer is on its way, the node makes the next. Answers above 4 MiB come in parts.
 */
const get = { messagesMax: 2, itemsMax: 256, bytesMax: MiB };

/** Long enough to serve the next burst, short enough not to be held for a node that nobody asks. */
const idleMs = 30_000;

/** A disk that syncs answers within tens of milliseconds; one that is silent for longer is given up with its stream. */
const stallMs = 2_000;

/** The streams of small blobs to one node, which all callers share: one for puts, one for gets. */
export class SmallBlobStreams {
  readonly #put: SharedStream<SmallBlob, PutBlobsRequest, PutBlobsResponse, PutFate>;
  readonly #get: SharedStream<Oid, GetBlobsRequest, GetBlobsResponse, SmallBlobAnswer | StratumError>;

  constructor({ endpoint }: { readonly endpoint: string }, { clock }: { readonly clock: Clock }) {
    const room = new FrameRoom();
    const place = { endpoint, ...addressOf(endpoint) };
    const ofPut = { ...place, method: 'ObjectService.PutBlobs' };
    const ofGet = { ...place, method: 'ObjectService.GetBlobs' };
    this.#put = new SharedStream(
      { ...put, ...ofPut, idleMs, stallMs },
      { clock, codec: putBlobsCodec, open: () => new FrameStream(ofPut, { stream: putBlobsStream, room }) },
    );
    this.#get = new SharedStream(
      { ...get, ...ofGet, idleMs, stallMs },
      { clock, codec: getBlobsCodec, open: () => new FrameStream(ofGet, { stream: getBlobsStream, room }) },
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

function addressOf(endpoint: string): { readonly host: string; readonly port: number } {
  const colon = endpoint.lastIndexOf(':');
  return { host: endpoint.slice(0, colon).replace(/^\[(.*)\]$/, '$1'), port: Number(endpoint.slice(colon + 1)) };
}
