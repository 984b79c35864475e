import { StratumError } from '../../base/errors.ts';
import { notLeading } from '../not-leading.ts';
import type { Candidacy } from './candidacy.ts';
import type { CoordinationStore } from './coordination-store.ts';
import { encodeHolder, etcdKeys } from './etcd-records.ts';
import { leadershipGuard } from './update-writer.ts';

/** Who hands over to whom. */
export interface TransferOptions {
  readonly nodeId: string;
  /** Undefined: any other. */
  readonly targetId: string | undefined;
  readonly term: bigint;
  readonly leaseMs: number;
}

/**
 * Gives up the leader's key, and names who alone may take it for the time of a lease: if that one
 * does not, the election is open to all. NODE_NOT_FOUND when nobody else, or not the one that was
 * named, is alive; then nothing has changed.
 */
export async function transferLeadership(
  { nodeId, targetId, term, leaseMs }: TransferOptions,
  modules: {
    readonly store: CoordinationStore;
    readonly candidacy: Candidacy;
    /** Addresses of the coordinators that are alive, by node id. */
    readonly alive: ReadonlyMap<string, string>;
  },
): Promise<void> {
  const { store, candidacy, alive } = modules;
  const nominee = targetId ?? [...alive.keys()].filter((id) => id !== nodeId).sort()[0];
  const address = nominee === undefined ? undefined : alive.get(nominee);
  if (nominee === undefined || address === undefined) {
    const details = { kind: 'coordinator', id: targetId ?? 'another one' };
    const message =
      targetId === undefined ? 'no other coordinator is alive' : `the coordinator ${targetId} is not alive`;
    throw new StratumError('NODE_NOT_FOUND', message, details, {
      hint: `alive are ${[...alive.keys()].sort().join(', ')}`,
    });
  }
  const session = await store.grantLease(leaseMs);
  const value = encodeHolder({ nodeId: nominee, address, session });
  const { succeeded, revision } = await store.commit(
    [leadershipGuard(term)],
    [{ put: etcdKeys.nominee, value, leaseId: session }, { delete: { start: etcdKeys.leader } }],
  );
  if (!succeeded) throw notLeading({ leaderId: undefined, leaderAddress: undefined });
  const key = { key: etcdKeys.nominee, value, createRevision: revision, modRevision: revision };
  candidacy.see(revision, { leader: null, nominee: key });
}
