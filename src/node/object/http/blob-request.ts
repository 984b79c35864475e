import type { Oid } from '../../../base/oid.ts';
import type { ObjectModules } from '../object-modules.ts';

/** What a request for a blob is answered with. */
export interface BlobRequest extends ObjectModules {
  readonly oid: Oid;
  /** Aborts when the caller goes away or its deadline passes. */
  readonly signal: AbortSignal;
}
