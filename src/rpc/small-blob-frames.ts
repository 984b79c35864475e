import { frameHeadBytes, frameKinds, sealFrame } from './blob-frames.ts';
import type { FrameRoom } from './frame-room.ts';
import type { GetBlobsRequest, GetBlobsResponse, PutBlobsRequest, PutBlobsResponse } from './gen/stratum/v1/object.ts';
import type { MessageRoom } from './message-bytes.ts';
import {
  decodeGetBlobsRequest,
  decodeGetBlobsResponse,
  decodePutBlobsRequest,
  decodePutBlobsResponse,
  encodeGetBlobsRequest,
  encodeGetBlobsResponse,
  encodePutBlobsRequest,
  encodePutBlobsResponse,
} from './small-blob-codec.ts';

/** One way of a stream: how its messages become frames. */
export interface MessageFrames<Message> {
  readonly kind: number;
  /** A sealed frame; `room` takes it back when it has been sent. */
  encode(message: Message, room: FrameRoom): Buffer;
  /** The message of a checked payload, of which it is made up; throws when it is none. */
  decode(payload: Buffer): Message;
}

/** A method that is served over a stream of frames (blob-frames.ts). */
export interface StreamMethod<Request, Response> {
  /** As in the proto file: "PutBlobs". */
  readonly method: string;
  /** The path of the request that is upgraded. */
  readonly path: string;
  readonly requests: MessageFrames<Request>;
  readonly responses: MessageFrames<Response>;
}

/** ObjectService.PutBlobs over frames. */
export const putBlobsStream: StreamMethod<PutBlobsRequest, PutBlobsResponse> = {
  method: 'PutBlobs',
  path: '/streams/PutBlobs',
  requests: framesOf(frameKinds.putRequest, encodePutBlobsRequest, decodePutBlobsRequest),
  responses: framesOf(frameKinds.putResponse, encodePutBlobsResponse, decodePutBlobsResponse),
};

/** ObjectService.GetBlobs over frames. */
export const getBlobsStream: StreamMethod<GetBlobsRequest, GetBlobsResponse> = {
  method: 'GetBlobs',
  path: '/streams/GetBlobs',
  requests: framesOf(frameKinds.getRequest, encodeGetBlobsRequest, decodeGetBlobsRequest),
  responses: framesOf(frameKinds.getResponse, encodeGetBlobsResponse, decodeGetBlobsResponse),
};

function framesOf<Message>(
  kind: number,
  encode: (message: Message, room: MessageRoom) => Buffer,
  decode: (payload: Buffer) => Message,
): MessageFrames<Message> {
  return {
    kind,
    encode: (message, room) =>
      sealFrame(encode(message, { headBytes: frameHeadBytes, take: (bytes) => room.take(bytes) }), kind),
    decode,
  };
}
