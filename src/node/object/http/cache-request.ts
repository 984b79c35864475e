import type { ObjectModules } from '../object-modules.ts';

/** What a request for an entry of the shared cache is answered with. */
export interface CacheRequest extends ObjectModules {
  /** 64 hexadecimal digits. */
  readonly key: string;
  /** Aborts when the caller goes away or its deadline passes. */
  readonly signal: AbortSignal;
}
