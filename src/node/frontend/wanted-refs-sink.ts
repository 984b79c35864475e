import type { ByteSink } from './pack-cache/pack-producer.ts';

/** What the section goes before. */
const packfileLine = '000dpackfile\n';

/** Sections before the pack are small; without one in so many bytes there is none. */
const headBytesMax = 1 << 20;

/**
 * Puts the section of wanted refs before the pack of a response that was made without it. A response without a pack,
 * which only negotiates, passes as it is.
 */
export class WantedRefsSink implements ByteSink {
  readonly #inner: ByteSink;
  readonly #section: Buffer;
  /** What has come while the pack has not begun. */
  #head: Buffer | undefined = Buffer.alloc(0);

  constructor(inner: ByteSink, section: Buffer) {
    this.#inner = inner;
    this.#section = section;
  }

  /** The size is not known before the pack is found. */
  begin(): void {
    this.#inner.begin(undefined);
  }

  async write(chunk: Buffer): Promise<void> {
    if (this.#head === undefined) return await this.#inner.write(chunk);
    const head = this.#head.length === 0 ? chunk : Buffer.concat([this.#head, chunk]);
    const at = packAt(head);
    if (at === undefined && head.length < headBytesMax) {
      this.#head = head;
      return;
    }
    this.#head = undefined;
    if (at !== undefined) {
      if (at > 0) await this.#inner.write(head.subarray(0, at));
      await this.#inner.write(this.#section);
    }
    await this.#inner.write(at === undefined ? head : head.subarray(at));
  }

  /** Sends what was held back; to be called at the end. */
  async end(): Promise<void> {
    const head = this.#head;
    this.#head = undefined;
    if (head !== undefined && head.length > 0) await this.#inner.write(head);
  }
}

/** Where the line stands that begins the pack; undefined while only lines before it are there. */
function packAt(head: Buffer): number | undefined {
  for (let at = 0; at + 4 <= head.length; ) {
    const length = Number.parseInt(head.toString('latin1', at, at + 4), 16);
    if (head.toString('latin1', at, at + packfileLine.length) === packfileLine) return at;
    at += Math.max(length, 4);
  }
  return undefined;
}
