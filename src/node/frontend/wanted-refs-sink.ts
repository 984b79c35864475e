import type { ByteSink } from './pack-cache/pack-producer.ts';

/** What the section goes before. */
const packfileLine = '000dpackfile\n';

/**
 * Puts the section of wanted refs before the pack of a response that was made without it. A response without a pack,
 * which only negotiates, passes as it is.
 */
export class WantedRefsSink implements ByteSink {
  readonly #inner: ByteSink;
  readonly #section: Buffer;
  /** The beginning of a line that has not come whole; undefined once the pack has begun. */
  #held: Buffer | undefined = Buffer.alloc(0);

  constructor(inner: ByteSink, section: Buffer) {
    this.#inner = inner;
    this.#section = section;
  }

  /** The size is not known before the pack is found. */
  begin(): void {
    this.#inner.begin(undefined);
  }

  async write(chunk: Buffer): Promise<void> {
    if (this.#held === undefined) return await this.#inner.write(chunk);
    const bytes = this.#held.length === 0 ? chunk : Buffer.concat([this.#held, chunk]);
    const { at, isPack } = passLines(bytes);
    this.#held = isPack ? undefined : bytes.subarray(at);
    if (at > 0) await this.#inner.write(bytes.subarray(0, at));
    if (!isPack) return;
    await this.#inner.write(this.#section);
    await this.#inner.write(bytes.subarray(at));
  }

  /** Sends what was held back; to be called at the end. */
  async end(): Promise<void> {
    const held = this.#held;
    this.#held = undefined;
    if (held !== undefined && held.length > 0) await this.#inner.write(held);
  }
}

/** How far whole lines reach that come before the pack, and whether the pack begins there. */
function passLines(bytes: Buffer): { readonly at: number; readonly isPack: boolean } {
  let at = 0;
  while (at + 4 <= bytes.length) {
    if (bytes.toString('latin1', at, at + packfileLine.length) === packfileLine) return { at, isPack: true };
    const end = at + Math.max(4, Number.parseInt(bytes.toString('latin1', at, at + 4), 16));
    if (!(end <= bytes.length)) break;
    at = end;
  }
  return { at, isPack: false };
}
