import { crc32 } from 'node:zlib';
import { StratumError } from '../base/errors.ts';
import { KiB, MiB } from '../base/units.ts';
import { smallBlobsBytesMax } from './limits.ts';

/*
 * Streams of small blobs, on the port of gRPC: a connection of HTTP/1.1 is upgraded (RFC 9110, section 7.8) and
 * carries frames from then on, each with one message of object.proto. Over grpc-js the same messages are cut into
 * frames of 16 KiB and copied several times (docs/performance.md).
 *
 *   kind      1 byte   which message it is: frameKinds
 *   length    4 bytes  of the payload, big-endian; at most framePayloadBytesMax
 *   checksum  4 bytes  CRC-32 of the payload
 *   check     4 bytes  CRC-32 of the nine bytes above: a length is not believed before it is known to be right
 *   payload
 *
 * Each end checks both before it believes anything; what does not fit ends the stream with DATA_CORRUPT. That finds
 * flipped bits; it does not prove who sent them. A stream that ends in good order ends between two frames.
 */
export const frameHeadBytes = 13;
const checksumAt = 5;
const checkAt = 9;

/** What the Upgrade header names. */
export const blobFramesProtocol = 'stratum-blobs/1';

/** Which message a frame carries. A number is never used for another message. */
export const frameKinds = { putRequest: 1, putResponse: 2, getRequest: 3, getResponse: 4, error: 5 } as const;

/** Bytes of a payload: the contents of a message, and a mebibyte for ids and lengths. */
export const framePayloadBytesMax = smallBlobsBytesMax + MiB;

/** Bytes that are set aside for a payload before any of it has come: most are no longer, and a lie costs no more. */
const firstPartBytes = MiB;

/** Below it a read goes to the buffer that all reads share, with what follows; above, straight to its payload. */
const directReadBytesMin = 32 * KiB;
const sharedReadBytes = 64 * KiB;

/** Writes the head of a frame whose payload is in place behind it. */
export function sealFrame(frame: Buffer, kind: number): Buffer {
  frame[0] = kind;
  frame.writeUInt32BE(frame.length - frameHeadBytes, 1);
  frame.writeUInt32BE(crc32(frame.subarray(frameHeadBytes)), checksumAt);
  frame.writeUInt32BE(crc32(frame.subarray(0, checkAt)), checkAt);
  return frame;
}

/** A frame of a payload that was made elsewhere. */
export function frameOf(kind: number, payload: Uint8Array): Buffer {
  const frame = Buffer.allocUnsafeSlow(frameHeadBytes + payload.length);
  frame.set(payload, frameHeadBytes);
  return sealFrame(frame, kind);
}

/** Told of each whole, checked frame. The payload is its own. */
export type OnFrame = (kind: number, payload: Buffer) => void;

/**
 * Cuts the bytes of a connection into checked frames. A payload is put together once, in memory of its
 * own, so that parts of it may be handed on.
 */
export class FrameReader {
  readonly #kinds: readonly number[];
  readonly #onFrame: OnFrame;
  readonly #head = Buffer.alloc(frameHeadBytes);
  #headCount = 0;
  #shared: Buffer | undefined;
  /** Of the frame whose head is complete. */
  #payload: Buffer | undefined;
  #payloadCount = 0;
  #length = 0;

  /** `kinds` are those that the peer may send. */
  constructor(options: { readonly kinds: readonly number[] }, modules: { readonly onFrame: OnFrame }) {
    this.#kinds = options.kinds;
    this.#onFrame = modules.onFrame;
  }

  /** Whether a frame has begun and not ended. */
  get isInFrame(): boolean {
    return this.#headCount > 0;
  }

  /** Where the next read of the connection puts its bytes; `took` is told how many. */
  room(): Buffer {
    const payload = this.#payload;
    if (payload !== undefined && payload.length - this.#payloadCount >= directReadBytesMin) {
      return payload.subarray(this.#payloadCount);
    }
    this.#shared ??= Buffer.allocUnsafeSlow(sharedReadBytes);
    return this.#shared;
  }

  /** Bytes that were read into `room`; throws as `take` does. */
  took(room: Buffer, count: number): void {
    if (room.buffer === this.#payload?.buffer) this.#grew(count);
    else this.take(room.subarray(0, count));
  }

  /** Bytes in the order of the connection; DATA_CORRUPT, after which it takes no more. */
  take(chunk: Buffer): void {
    for (let at = 0; at < chunk.length; ) {
      const payload = this.#payload;
      if (payload === undefined) {
        const copied = chunk.copy(this.#head, this.#headCount, at);
        at += copied;
        this.#headCount += copied;
        if (this.#headCount === frameHeadBytes) this.#begin();
      } else {
        const copied = chunk.copy(payload, this.#payloadCount, at);
        at += copied;
        this.#grew(copied);
      }
    }
  }

  #begin(): void {
    const head = this.#head;
    if (crc32(head.subarray(0, checkAt)) !== head.readUInt32BE(checkAt)) throw damaged('the head of a frame');
    if (!this.#kinds.includes(head[0] ?? 0)) throw damaged(`a frame of the kind ${head[0]}, which is none here:`);
    this.#length = head.readUInt32BE(1);
    if (this.#length > framePayloadBytesMax) throw damaged(`a frame of ${this.#length} bytes`);
    this.#payload = Buffer.allocUnsafeSlow(Math.min(this.#length, firstPartBytes));
    this.#payloadCount = 0;
    this.#grew(0);
  }

  #grew(count: number): void {
    let payload = this.#payload;
    if (payload === undefined) return;
    this.#payloadCount += count;
    if (this.#payloadCount < payload.length) return;
    if (payload.length < this.#length) {
      const larger = Buffer.allocUnsafeSlow(Math.min(this.#length, payload.length * 2));
      payload.copy(larger);
      payload = larger;
      this.#payload = larger;
      return;
    }
    this.#payload = undefined;
    this.#headCount = 0;
    if (crc32(payload) !== this.#head.readUInt32BE(checksumAt)) throw damaged('the payload of a frame');
    this.#onFrame(this.#head[0] ?? 0, payload);
  }
}

function damaged(what: string): StratumError<'DATA_CORRUPT'> {
  return new StratumError('DATA_CORRUPT', `${what} did not arrive as it can have been sent`, undefined, {
    hint: 'bits were flipped on the way, or the peer speaks another protocol; what was on its way may or may not be done',
  });
}
