import { crc32 } from 'node:zlib';

/**
 * A frame of a journal: magic (4 bytes), length of the payload (4), sequence (8), CRC-32 of the length, the sequence and the
 * payload (4), all big-endian, then the payload. What was appended together is one frame, and a frame is on disk before the
 * next one is written: so a frame that a crash has torn is the last one.
 */
const magic = Buffer.from('SJ1\n', 'latin1');
const lengthAt = 4;
const sequenceAt = 8;
const checksumAt = 16;
const payloadAt = 20;

/** What a frame takes beside its payload. */
export const frameOverheadBytes = payloadAt;

/** A frame that was found. */
export interface JournalFrame {
  readonly sequence: bigint;
  readonly payload: Buffer;
  /** Where the next one may begin. */
  readonly end: number;
}

export function encodeFrame(sequence: bigint, payloads: readonly Buffer[]): Buffer {
  const length = payloads.reduce((sum, payload) => sum + payload.length, 0);
  const frame = Buffer.allocUnsafe(payloadAt + length);
  magic.copy(frame);
  frame.writeUInt32BE(length, lengthAt);
  frame.writeBigUInt64BE(sequence, sequenceAt);
  let at = payloadAt;
  for (const payload of payloads) at += payload.copy(frame, at);
  frame.writeUInt32BE(checksumOf(frame, 0, length), checksumAt);
  return frame;
}

/** The frame at a place; undefined when there is none that is whole. */
export function frameAt(bytes: Buffer, at: number): JournalFrame | undefined {
  if (at + payloadAt > bytes.length || bytes.compare(magic, 0, 4, at, at + 4) !== 0) return undefined;
  const length = bytes.readUInt32BE(at + lengthAt);
  const end = at + payloadAt + length;
  if (end > bytes.length || bytes.readUInt32BE(at + checksumAt) !== checksumOf(bytes, at, length)) return undefined;
  return { sequence: bytes.readBigUInt64BE(at + sequenceAt), payload: bytes.subarray(at + payloadAt, end), end };
}

/** Frames one behind the other from the beginning, as long as their sequences follow each other. */
export function framesOf(bytes: Buffer): readonly JournalFrame[] {
  const frames: JournalFrame[] = [];
  for (let frame = frameAt(bytes, 0); frame !== undefined; frame = frameAt(bytes, frame.end)) {
    const last = frames.at(-1);
    // What an earlier use of the segment has left behind the last one.
    if (last !== undefined && frame.sequence !== last.sequence + 1n) break;
    frames.push(frame);
  }
  return frames;
}

/** Whether there is a whole frame behind a place that is later than all before it: then what is between was written, and is damaged. */
export function hasLaterFrame(bytes: Buffer, from: number, sequence: bigint): boolean {
  for (let at = bytes.indexOf(magic, from); at !== -1; at = bytes.indexOf(magic, at + 1)) {
    const frame = frameAt(bytes, at);
    if (frame !== undefined && frame.sequence > sequence) return true;
  }
  return false;
}

function checksumOf(bytes: Buffer, at: number, length: number): number {
  const head = crc32(bytes.subarray(at + lengthAt, at + checksumAt));
  return crc32(bytes.subarray(at + payloadAt, at + payloadAt + length), head);
}
