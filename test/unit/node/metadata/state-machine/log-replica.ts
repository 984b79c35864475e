import type { Operation, OperationResults } from '../../../../../src/node/metadata/state-machine/applied.ts';
import { applyEntry } from '../../../../../src/node/metadata/state-machine/apply.ts';
import { LogEntry } from '../../../../../src/rpc/gen/stratum/v1/metadata.ts';
import { MemoryState } from '../memory-state.ts';

/** A partition's log and state in memory: what a replica is, without disk and network. */
export class LogReplica {
  readonly state = new MemoryState();
  readonly log: Buffer[] = [];

  /** As the primary does: an operation that changes something is logged. Throws its refusal. */
  propose<Case extends Operation['$case']>(
    operation: Extract<Operation, { $case: Case }>,
    atMs = 1_700_000_000_000,
  ): OperationResults[Case] {
    const entry: LogEntry = { epoch: 1n, index: BigInt(this.log.length + 1), atMs: BigInt(atMs), operation };
    const { writes, result } = applyEntry(3, this.state, entry);
    if (writes.length > 0) this.log.push(Buffer.from(LogEntry.encode(entry).finish()));
    this.state.write(writes);
    return result as OperationResults[Case];
  }

  /** Another replica that is sent this one's log. */
  follow(): LogReplica {
    const replica = new LogReplica();
    for (const bytes of this.log) {
      replica.state.write(applyEntry(3, replica.state, LogEntry.decode(bytes)).writes);
      replica.log.push(bytes);
    }
    return replica;
  }
}
