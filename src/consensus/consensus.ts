import type { TopologyCommand } from '../topology/commands.ts';
import type { Topology, TopologyUpdate } from '../topology/topology.ts';

/** Who leads; undefined ids when nobody is known to. */
export interface Leadership {
  readonly leaderId: string | undefined;
  readonly leaderAddress: string | undefined;
  /** The term of that leader; strictly higher with every new one. */
  readonly term: bigint;
  readonly isLeader: boolean;
}

/** A member of the consensus engine. */
export interface ConsensusMemberStatus {
  readonly id: string;
  readonly address: string;
  readonly reachable: boolean;
  readonly leader: boolean;
  readonly error: string;
}

/** Health of the consensus engine. */
export interface ConsensusStatus {
  readonly driver: 'embedded' | 'etcd';
  readonly members: readonly ConsensusMemberStatus[];
  readonly raftTerm: bigint;
  readonly appliedIndex: bigint;
  readonly committedIndex: bigint;
  readonly hasQuorum: boolean;
}

/** A command that was applied. */
export interface Applied {
  readonly topology: Topology;
  /** Absent when the command changed nothing; the version is then as it was. */
  readonly update: TopologyUpdate | undefined;
}

/**
 * Storage and leadership of the topology. `propose` applies a command by the pure reducer and
 * resolves when the result is durable; every proposer sees the versions in one order. A reducer's
 * refusal rejects with its StratumError and changes nothing.
 */
export interface Consensus {
  /** Opens the store and starts to seek leadership. */
  start(signal: AbortSignal): Promise<void>;
  stop(): Promise<void>;
  /** The committed topology of this member. */
  current(): Topology;
  leadership(): Leadership;
  /** NOT_LEADER unless this member leads; NO_QUORUM when the engine cannot commit. */
  propose(command: TopologyCommand): Promise<Applied>;
  /** Resolves when this member is confirmed to lead and its copy is current; NOT_LEADER otherwise. */
  confirmLeadership(): Promise<void>;
  /** Updates with a version above `sinceVersion`, oldest first; undefined when the history no longer reaches back. */
  history(sinceVersion: bigint): readonly TopologyUpdate[] | undefined;
  /** Calls back for every committed update, in order; the result ends the subscription. */
  subscribe(listener: (update: TopologyUpdate, topology: Topology) => void): () => void;
  /** Calls back when leadership changes. */
  onLeadership(listener: (leadership: Leadership) => void): () => void;
  status(): Promise<ConsensusStatus>;
}
