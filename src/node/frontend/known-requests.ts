import { LRUCache } from 'lru-cache';
import { KiB } from '../../base/units.ts';
import type { V2Request } from '../../git/protocol-v2.ts';

/** Larger ones are not asked over and over. */
const bodyBytesMax = 4 * KiB;

/** With their bodies at most some 10 MB. */
const requestsMax = 1_000;

/**
 * Requests by the bytes of their bodies: a hundred runners with the same git send the same, and to read it takes longer
 * than to find what it is answered with. Equal bodies give the same object.
 */
export class KnownRequests {
  readonly #requests = new LRUCache<string, V2Request>({ max: requestsMax });

  /** What a body was read as before. */
  get(body: Buffer): V2Request | undefined {
    return body.length > bodyBytesMax ? undefined : this.#requests.get(body.toString('latin1'));
  }

  /** Remembers what a body was read as, and gives it back. */
  keep(body: Buffer, request: V2Request | undefined): V2Request | undefined {
    if (request !== undefined && body.length <= bodyBytesMax) this.#requests.set(body.toString('latin1'), request);
    return request;
  }
}
