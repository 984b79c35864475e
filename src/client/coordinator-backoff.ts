import type { BackoffBounds } from '../base/backoff.ts';

/** For calls to coordinators: soon enough for a restart to go unnoticed, rare enough for a thousand nodes. */
export const coordinatorBackoff: BackoffBounds = { minMs: 50, maxMs: 2_000 };
