import type { Clock } from '../../base/clock.ts';
import { TokenBucket } from '../../base/token-bucket.ts';
import { KiB } from '../../base/units.ts';
import type { CopyThrottle } from '../repair/replica-source.ts';

/** Bytes of a token. */
const tokenBytes = 64 * KiB;

/** Lets so many bytes a second pass, and a second's worth at once after a time of quiet. */
export class ByteThrottle implements CopyThrottle {
  readonly #clock: Clock;
  readonly #bucket: TokenBucket;
  /** Bytes that have passed and are not paid for; less than a token. */
  #owedBytes = 0;

  constructor(options: { readonly bytesPerSecond: number }, modules: { readonly clock: Clock }) {
    const ratePerSecond = options.bytesPerSecond / tokenBytes;
    this.#clock = modules.clock;
    this.#bucket = new TokenBucket({ ratePerSecond, burst: Math.max(1, ratePerSecond) }, modules);
  }

  /** Resolves when the bytes may be sent; rejects with the signal's reason. */
  async pass(bytes: number, signal: AbortSignal): Promise<void> {
    this.#owedBytes += bytes;
    while (this.#owedBytes >= tokenBytes) {
      const waitMs = this.#bucket.take();
      if (waitMs > 0) await this.#clock.sleep(waitMs, signal);
      else this.#owedBytes -= tokenBytes;
    }
  }
}
