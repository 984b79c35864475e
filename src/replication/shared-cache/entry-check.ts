import { crc32 } from 'node:zlib';
import { StratumError } from '../../base/errors.ts';

/** What was said of an entry. */
export interface EntryClaim {
  readonly key: string;
  readonly sizeBytes: number;
  readonly crc32: number;
}

/** Checks what comes of an entry against what was said of it. */
export class EntryCheck {
  readonly #claim: EntryClaim;
  #bytes = 0;
  #crc = 0;

  /** CHECKSUM_MISMATCH where nothing is to come, and that does not fit. */
  constructor(claim: EntryClaim) {
    this.#claim = claim;
    if (this.isComplete) this.#checkCrc();
  }

  /** Bytes that have come. */
  get bytes(): number {
    return this.#bytes;
  }

  get isComplete(): boolean {
    return this.#bytes === this.#claim.sizeBytes;
  }

  /** Takes the next bytes; CHECKSUM_MISMATCH for those with which it is seen that they are others. */
  take(chunk: Buffer): void {
    this.#bytes += chunk.length;
    this.#crc = crc32(chunk, this.#crc);
    const { key, sizeBytes } = this.#claim;
    if (this.#bytes > sizeBytes) throw mismatch(key, `${sizeBytes} bytes`, `${this.#bytes} bytes or more`);
    if (this.isComplete) this.#checkCrc();
  }

  #checkCrc(): void {
    const { key, crc32: expected } = this.#claim;
    if (this.#crc !== expected) throw mismatch(key, hex(expected), hex(this.#crc));
  }
}

function mismatch(key: string, expected: string, got: string): StratumError<'CHECKSUM_MISMATCH'> {
  const message = `the content of cache entry ${key} is not what was said of it: ${got}, expected ${expected}`;
  return new StratumError('CHECKSUM_MISMATCH', message, { oid: key, expected, got });
}

function hex(crc: number): string {
  return crc.toString(16).padStart(8, '0');
}
