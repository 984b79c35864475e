import { FrameRoom } from './frame-room.ts';
import { frameService, type StreamService } from './frame-service.ts';
import type { GetBlobsRequest, GetBlobsResponse, PutBlobsRequest, PutBlobsResponse } from './gen/stratum/v1/object.ts';
import type { DuplexHandler } from './handlers.ts';
import type { ServiceObserver } from './observed-service.ts';
import { getBlobsStream, putBlobsStream } from './small-blob-frames.ts';

/** Who answers streams of small blobs. */
export interface SmallBlobHandlers {
  readonly putBlobs: DuplexHandler<PutBlobsRequest, PutBlobsResponse>;
  readonly getBlobs: DuplexHandler<GetBlobsRequest, GetBlobsResponse>;
}

/** The streams of small blobs of an object node, by the path that is asked for. */
export function smallBlobServices(
  { putBlobs, getBlobs }: SmallBlobHandlers,
  observers: readonly ServiceObserver[] = [],
): ReadonlyMap<string, StreamService> {
  const modules = { room: new FrameRoom(), observers };
  return new Map([
    [putBlobsStream.path, frameService(putBlobsStream, putBlobs, modules)],
    [getBlobsStream.path, frameService(getBlobsStream, getBlobs, modules)],
  ]);
}
