import type { Fence } from './node-io.ts';

/** What every write passes before a node does anything for it. */
export interface FenceCheck {
  /**
   * Resolves when the fence is not below the highest one seen, which it then has become, durably;
   * STALE_TERM or STALE_EPOCH otherwise.
   */
  admit(fence: Fence): Promise<void>;
}
