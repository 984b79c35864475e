/** Timings of replication, in milliseconds; all follow from the one that every node must agree on. */
export interface ReplicationTimings {
  /** How long a primary trusts an acknowledged beacon, counted from its sending. */
  readonly leaseMs: number;
  /** How long a new primary waits after the last beacon that it acknowledged to another one. */
  readonly leaseWaitMs: number;
  /** Between two beacons, and between two looks at everything else. */
  readonly tickMs: number;
  /** An in-sync replica reports its primary after this much silence. */
  readonly silenceMs: number;
  /** A primary has an in-sync replica removed after this much silence. */
  readonly laggardMs: number;
  /** The same for one that the coordinators take for unwell, or that has said that it stops. */
  readonly unwellLaggardMs: number;
  /** For one call between replicas that may carry megabytes. */
  readonly appendTimeoutMs: number;
}

/** Clocks may run apart by a tenth each way before a lease outlives the wait for its end. */
const driftShare = 0.1;

/** A replica that writes megabytes to a slow disk takes its time; one that is gone is found by its beacons. */
const appendTimeoutMinMs = 5_000;

/** From `ClusterSettings.metadataLeaseMs`. */
export function timingsOf(metadataLeaseMs: number): ReplicationTimings {
  return {
    leaseMs: metadataLeaseMs * (1 - driftShare),
    leaseWaitMs: metadataLeaseMs * (1 + driftShare),
    tickMs: metadataLeaseMs / 5,
    silenceMs: metadataLeaseMs * 1.2,
    laggardMs: metadataLeaseMs * 1.5,
    unwellLaggardMs: metadataLeaseMs * 0.5,
    appendTimeoutMs: Math.max(appendTimeoutMinMs, metadataLeaseMs),
  };
}
