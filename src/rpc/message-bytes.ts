/*
 * The few parts of protobuf's encoding that messages of small blobs are made of: fields of less than sixteen, each a
 * number or bytes. Written in one piece, and read without copies.
 */

/** Bytes of a number below 2^32. */
export function varintBytes(value: number): number {
  if (value < 0x80) return 1;
  if (value < 0x4000) return 2;
  if (value < 0x20_0000) return 3;
  return value < 0x1000_0000 ? 4 : 5;
}

/** Bytes of a field that is left out when it is empty. */
export function fieldBytes({ length }: Uint8Array): number {
  return length === 0 ? 0 : framedBytes(length);
}

/** Bytes of a field of `length` bytes. */
export function framedBytes(length: number): number {
  return 1 + varintBytes(length) + length;
}

/** Where a message is written. */
export interface MessageRoom {
  /** Bytes before the message that are left to the caller. */
  readonly headBytes: number;
  /** Memory of exactly so many bytes, with anything in it. */
  take(bytes: number): Buffer;
}

/** A message of its own. */
const ownRoom: MessageRoom = { headBytes: 0, take: (bytes) => Buffer.allocUnsafeSlow(bytes) };

/** Writes a message whose length is known. */
export class MessageWriter {
  /** The caller's head, and the message. */
  readonly message: Buffer;
  #at: number;

  constructor(bytes: number, room: MessageRoom = ownRoom) {
    this.message = room.take(room.headBytes + bytes);
    this.#at = room.headBytes;
  }

  /** A tag and a number: the value of a field, or the length of what follows. */
  head(tag: number, value: number): void {
    this.message[this.#at++] = tag;
    let rest = value;
    for (; rest > 0x7f; rest >>>= 7) this.message[this.#at++] = (rest & 0x7f) | 0x80;
    this.message[this.#at++] = rest;
  }

  /** A tag, and bytes with their length. */
  bytes(tag: number, bytes: Uint8Array): void {
    this.head(tag, bytes.length);
    this.message.set(bytes, this.#at);
    this.#at += bytes.length;
  }
}

/** Reads what is laid out as the writer does it; undefined for everything else. */
export class MessageReader {
  readonly #message: Buffer;
  #at = 0;

  constructor(message: Buffer) {
    this.#message = message;
  }

  /** Whether all has been read. */
  get isAtEnd(): boolean {
    return this.#at >= this.#message.length;
  }

  /** The next byte, which is a tag or a small number. */
  byte(): number | undefined {
    return this.#message[this.#at++];
  }

  /** A length of at most four bytes, and as many bytes. */
  part(): Buffer | undefined {
    let length = 0;
    for (let shift = 0; ; shift += 7) {
      const byte = this.#message[this.#at++];
      if (byte === undefined || shift > 21) return undefined;
      length |= (byte & 0x7f) << shift;
      if (byte < 0x80) break;
    }
    const end = this.#at + length;
    if (end > this.#message.length) return undefined;
    const part = this.#message.subarray(this.#at, end);
    this.#at = end;
    return part;
  }
}
