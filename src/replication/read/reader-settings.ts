import type { Clock } from '../../base/clock.ts';
import { MiB } from '../../base/units.ts';
import type { TopologySource } from '../../topology/topology.ts';
import type { NodeDirectory } from '../node-directory.ts';
import type { NodeLatencies } from '../node-latency.ts';
import type { GapSink } from '../replica-gaps.ts';
import type { ReadObserver } from './read-observer.ts';

/** Values of a quorum reader; each has a default. */
export interface QuorumReaderOptions {
  /**
   * Milliseconds until a node's first byte, between two chunks, and for one message of many, before the next
   * replica's turn. Less where the read's own time would not do for all that are left (stall-time.ts).
   */
  readonly stallTimeoutMs?: number;
  /** Milliseconds for a whole read of an unknown size. */
  readonly timeoutMs?: number;
  /** Bytes up to which a whole blob is verified before the caller sees any of it; a larger one is verified while it passes. */
  readonly bufferedBytesMax?: number;
}

/** What a quorum reader works with. */
export interface QuorumReaderModules {
  readonly clock: Clock;
  readonly topology: TopologySource;
  readonly nodes: NodeDirectory;
  /** Shared with who else measures these nodes; the reader keeps its own unless given. */
  readonly latencies?: NodeLatencies | undefined;
  /** Told of replicas that were found missing or corrupt while another gave a verified copy. */
  readonly gaps?: GapSink | undefined;
  readonly readObserver?: ReadObserver | undefined;
}

/** An hour for a read: 16 GiB at 5 MiB/s; stalls are noticed long before. */
export const readerDefaults = { stallTimeoutMs: 10_000, timeoutMs: 3_600_000, bufferedBytesMax: MiB };
