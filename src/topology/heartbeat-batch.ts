/** What is kept of one node's heartbeats; times in milliseconds before the batch was made. */
export interface KeptHeartbeat {
  readonly nodeId: string;
  readonly generationId: bigint;
  readonly ageMs: number;
  /** Suspicions within the damping window, oldest first. */
  readonly suspicionAgesMs: readonly number[];
}

/** A leader's memory of heartbeats as the store keeps it: the next leader begins with it. */
export interface HeartbeatBatch {
  /** Milliseconds since the Unix epoch. */
  readonly atMs: number;
  readonly nodes: readonly KeptHeartbeat[];
}
