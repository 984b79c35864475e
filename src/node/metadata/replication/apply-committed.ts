import { asStratumError, explain, hasCode } from '../../../base/errors.ts';
import type { Logger } from '../../../base/log.ts';
import type { RefsCache } from '../refs-cache.ts';
import type { StateReader } from '../state.ts';
import { applyEntry } from '../state-machine/apply.ts';
import { decodeRecord, type LogPosition } from './log-record.ts';
import type { PartitionDisk } from './partition-disk.ts';
import type { Outcome } from './waiting-operations.ts';

/** Bytes of records that are read at a time. */
const sliceBytes = 1024 * 1024;

/** Entries of one step: few enough that the process answers beacons between two steps. */
const stepEntries = 256;

/** What applying works with. */
export interface ApplyModules {
  readonly disk: PartitionDisk;
  readonly refs: Pick<RefsCache, 'applied'>;
  readonly log: Logger;
  readonly onApplied: (position: LogPosition, outcome: Outcome) => void;
}

/**
 * Applies the next entries up to `committedIndex`, as many as one step may. An entry that the state machine refuses has
 * no effect, on every replica alike. Throws when an entry or the state cannot be read.
 */
export function applyCommitted(partition: number, committedIndex: bigint, modules: ApplyModules): void {
  const { disk, refs, log, onApplied } = modules;
  const from = disk.state.position.index + 1n;
  if (from > committedIndex) return;
  const records = disk.log.slice(from, sliceBytes);
  for (const record of records.slice(0, stepEntries)) {
    const entry = decodeRecord(record);
    if (entry.index > committedIndex) return;
    const position = { index: entry.index, epoch: entry.epoch };
    const guarded = new GuardedState();
    let outcome: Outcome;
    try {
      const { writes, result, refsChange } = disk.state.read((state) =>
        applyEntry(partition, guarded.of(state), entry),
      );
      disk.state.apply(position, writes);
      if (refsChange !== undefined) refs.applied(refsChange);
      outcome = { result };
    } catch (error) {
      const refusal = asStratumError(error);
      // What cannot be read here can be read elsewhere; all else comes to the same on every replica.
      const isMachine = error instanceof RangeError; // Memory or stack that ran out, here and perhaps nowhere else.
      if (guarded.failure !== undefined || isMachine || hasCode(refusal, 'DATA_CORRUPT')) throw refusal;
      if (hasCode(refusal, 'INTERNAL'))
        log.error({ partition, error: explain(error) }, 'an operation could not be judged');
      disk.state.apply(position, []);
      outcome = { refusal };
    }
    onApplied(position, outcome);
  }
}

/** Tells errors of reading the state from those of judging an operation. */
class GuardedState {
  failure: unknown;

  of(state: StateReader): StateReader {
    const note = (error: unknown) => {
      this.failure = error;
      return error;
    };
    return {
      get: (key) => {
        try {
          return state.get(key);
        } catch (error) {
          throw note(error);
        }
      },
      *range(bounds) {
        try {
          yield* state.range(bounds);
        } catch (error) {
          throw note(error);
        }
      },
    };
  }
}
