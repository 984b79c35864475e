import { StratumError } from '../../base/errors.ts';
import type { ConsensusMemberPlace, ConsensusMemberStatus, ConsensusStatus, MembersChanged } from '../consensus.ts';
import { majorityOf } from '../majority.ts';
import type { CoordinationStore, StoreMember, StoreStatus } from './coordination-store.ts';
import { below, decodeHolder, etcdKeys } from './etcd-records.ts';

/** Values of the members' keeper. */
export interface EngineMembersOptions {
  readonly nodeId: string;
  /** Whether the members are the coordinators' own: then each bears the node id of its coordinator. */
  readonly areOwn: boolean;
}

/** The members of the etcd cluster as the coordinators see them. */
export class EngineMembers {
  readonly #options: EngineMembersOptions;
  readonly #store: CoordinationStore;

  constructor(options: EngineMembersOptions, modules: { readonly store: CoordinationStore }) {
    this.#options = options;
    this.#store = modules.store;
  }

  /** Never rejects for an engine that does not answer: that is a status too. */
  async status(): Promise<ConsensusStatus> {
    const [seen, alive] = await Promise.allSettled([this.#store.status(), this.aliveCoordinators()]);
    if (seen.status === 'rejected') return this.#silent(seen.reason);
    const status = seen.value;
    const ids = alive.status === 'fulfilled' ? new Set(alive.value.keys()) : undefined;
    return {
      driver: 'etcd',
      members: status.members.map((member) => this.#memberStatus(member, status, ids)),
      raftTerm: status.raftTerm,
      appliedIndex: status.appliedIndex,
      committedIndex: status.committedIndex,
      // Only a majority answers a linearizable read.
      hasQuorum: ids !== undefined,
      alarms: status.alarms,
    };
  }

  /** The coordinators whose lease has not ended: their addresses by node id. */
  async aliveCoordinators(): Promise<ReadonlyMap<string, string>> {
    const { keys } = await this.#store.read([below(etcdKeys.coordinators)]);
    const holders = keys.map(({ value }) => decodeHolder(value));
    return new Map(holders.map(({ nodeId, address }) => [nodeId, address]));
  }

  /** VERSION_CONFLICT when a member of that name has another address; UNIMPLEMENTED for an etcd that is not ours. */
  async add({ nodeId, peerAddress }: ConsensusMemberPlace): Promise<MembersChanged> {
    this.#assertOwn();
    const { members } = await this.#store.status();
    const namesake = members.find(({ name }) => name === nodeId);
    if (namesake !== undefined && namesake.peerAddress !== peerAddress) {
      const details = { what: `member ${nodeId}`, expected: peerAddress, current: namesake.peerAddress };
      const message = `${nodeId} is a member already, at ${namesake.peerAddress}`;
      throw new StratumError('VERSION_CONFLICT', message, details, {
        hint: `remove it first: stratum cluster member remove ${nodeId}`,
      });
    }
    const isThere = members.some((member) => member.peerAddress === peerAddress);
    if (!isThere) {
      assertMajorityAfter(members);
      await this.#store.addMember(peerAddress);
    }
    return { changed: !isThere, members: (await this.status()).members };
  }

  /** By node id, or by peer address for a member that has never started. UNSAFE for this coordinator's own member, and when the rest would have no quorum. */
  async remove(nodeId: string): Promise<MembersChanged> {
    this.#assertOwn();
    const { members } = await this.status();
    const target = members.find(({ id }) => id === nodeId);
    if (target === undefined) return { changed: false, members };
    if (nodeId === this.#options.nodeId) {
      throw new StratumError('UNSAFE', `${nodeId} leads, and would take away its own member`, undefined, {
        hint: 'hand leadership over first: stratum leader transfer',
      });
    }
    const rest = members.filter(({ id }) => id !== nodeId);
    const reachable = rest.filter((member) => member.reachable).length;
    if (reachable <= rest.length / 2) {
      const message = `without ${nodeId}, ${reachable} of ${rest.length} members would be there: no majority`;
      throw new StratumError('UNSAFE', message, undefined, { hint: 'bring another member back first' });
    }
    await this.#store.removeMember(target.engineId);
    return { changed: true, members: (await this.status()).members };
  }

  #assertOwn(): void {
    if (this.#options.areOwn) return;
    throw new StratumError(
      'UNIMPLEMENTED',
      'the members of this etcd cluster are not the coordinators’ own',
      undefined,
      {
        hint: 'it was given by --etcd-endpoints: change it with etcdctl member',
      },
    );
  }

  #memberStatus(
    member: StoreMember,
    status: StoreStatus,
    alive: ReadonlySet<string> | undefined,
  ): ConsensusMemberStatus {
    const { engineId, name, peerAddress } = member;
    const answer = status.answers.get(engineId);
    const isAlive = status.answers.has(engineId) ? answer === undefined : alive?.has(name) === true;
    return {
      // A member that was added and has never started has no name yet.
      id: name === '' ? peerAddress : name,
      engineId,
      address: peerAddress,
      reachable: isAlive,
      leader: engineId === status.leaderEngineId,
      error: isAlive ? '' : (answer ?? this.#silence(name)),
    };
  }

  #silence(name: string): string {
    if (name === '') return 'it has not started yet';
    return this.#options.areOwn ? 'its coordinator gives no sign of life' : 'it is not among the endpoints';
  }

  #silent(reason: unknown): ConsensusStatus {
    const { nodeId: id } = this.#options;
    const error = reason instanceof Error ? reason.message : String(reason);
    return {
      driver: 'etcd',
      members: [{ id, engineId: '', address: '', reachable: false, leader: false, error }],
      raftTerm: 0n,
      appliedIndex: 0n,
      committedIndex: 0n,
      hasQuorum: false,
      alarms: [],
    };
  }
}

/** etcd refuses as much, in words that cannot be told from a lost majority. */
function assertMajorityAfter(members: readonly StoreMember[]): void {
  const waiting = members.filter(({ name }) => name === '');
  const started = members.length - waiting.length;
  const majority = majorityOf(members.length + 1);
  if (members.length === 1 || started >= majority) return;
  const message = `with one more member ${majority} must run, and ${started} have started`;
  const hint = `start the ones that were added: ${waiting.map(({ peerAddress }) => peerAddress).join(', ')}`;
  throw new StratumError('UNSAFE', message, undefined, { hint });
}
