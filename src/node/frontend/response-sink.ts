import type { Exchange } from './exchange.ts';
import type { ByteSink } from './pack-cache/pack-producer.ts';

/** The content type of what `git upload-pack` says. */
export const uploadPackContentType = 'application/x-git-upload-pack-result';

/** A response of git-upload-pack: nothing is sent before its first byte, so that an error can still have a status. */
export class ResponseSink implements ByteSink {
  readonly #exchange: Exchange;

  constructor(exchange: Exchange) {
    this.#exchange = exchange;
  }

  begin(sizeBytes: number | undefined): void {
    this.#exchange.begin(uploadPackContentType, sizeBytes);
  }

  async write(chunk: Buffer): Promise<void> {
    this.#exchange.begin(uploadPackContentType);
    await this.#exchange.write(chunk);
  }
}
