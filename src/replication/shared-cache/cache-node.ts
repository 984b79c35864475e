import type { NodeCallOptions } from '../node-io.ts';
import type { SharedContent, SharedEntry, SharedPutOptions } from './shared-cache.ts';

/** The entries of one object node. Keys have 64 hexadecimal digits. */
export interface CacheNode {
  /**
   * The entry of a key, undefined when the node has none. The time limit is for the answer to begin, the signal for
   * the reading too. Rejects when the node does not answer.
   */
  get(key: string, options: NodeCallOptions): Promise<SharedEntry | undefined>;
  /** Whether the node keeps the entry; rejects when that cannot be said. */
  put(key: string, content: SharedContent, put: SharedPutOptions, options: NodeCallOptions): Promise<boolean>;
  /** Closes its connections; calls in flight fail. */
  close(): void;
}
