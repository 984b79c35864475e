import type { TopologyCommand } from '../topology/commands.ts';
import type { HeartbeatBatch } from '../topology/heartbeat-batch.ts';
import type { Topology, TopologyUpdate } from '../topology/topology.ts';
import type { UpdateListener } from './topology-log.ts';

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
  /** Node id of the coordinator that runs it, or the engine's own name for one that no coordinator runs. */
  readonly id: string;
  /** The engine's own id: hexadecimal for etcd, empty for the embedded driver. */
  readonly engineId: string;
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
  /** What the engine refuses changes for, in its own words; empty when it takes them. */
  readonly alarms: readonly string[];
}

/** Where the other members will reach one that is to be added. */
export interface ConsensusMemberPlace {
  /** Node id of the coordinator that will run it. */
  readonly nodeId: string;
  /** host:port. */
  readonly peerAddress: string;
}

/** The members after a change of them. */
export interface MembersChanged {
  /** False when it was so already. */
  readonly changed: boolean;
  readonly members: readonly ConsensusMemberStatus[];
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
  /**
   * Opens the store and starts to seek leadership. The etcd driver resolves before it has reached
   * the store, for the first of several coordinators has to wait for the others.
   */
  start(signal: AbortSignal): Promise<void>;
  stop(): Promise<void>;
  /** The committed topology of this member; NOT_READY before it has read one. */
  current(): Topology;
  /** Milliseconds since this member's copy was last known to be current; 0 at an embedded leader. */
  ageMs(): number;
  leadership(): Leadership;
  /** NOT_LEADER (NO_LEADER when nobody is known to lead) unless this member leads; NO_QUORUM when the engine cannot commit. */
  propose(command: TopologyCommand): Promise<Applied>;
  /** Resolves when this member is confirmed to lead and its copy is current; NOT_LEADER otherwise. */
  confirmLeadership(): Promise<void>;
  /**
   * Hands leadership to the named coordinator, or to any other; resolves with the new leadership, or
   * at once when the named one leads already. NOT_LEADER at a follower, NODE_NOT_FOUND when no such
   * coordinator stands ready, WAIT_TIMEOUT when it did not take over in time.
   */
  transfer(targetId: string | undefined): Promise<Leadership>;
  /** Replaces the kept batch, in one write; NOT_LEADER unless this member leads. */
  saveHeartbeats(batch: HeartbeatBatch): Promise<void>;
  /** The batch that was kept last; undefined when there is none. */
  loadHeartbeats(): Promise<HeartbeatBatch | undefined>;
  /** Takes a member into the engine; UNIMPLEMENTED where the engine is not this cluster's own. */
  addMember(member: ConsensusMemberPlace): Promise<MembersChanged>;
  /** Takes a member out; UNSAFE when the rest would have no quorum. */
  removeMember(nodeId: string): Promise<MembersChanged>;
  /** Updates with a version above `sinceVersion`, oldest first; undefined when the history no longer reaches back. */
  history(sinceVersion: bigint): readonly TopologyUpdate[] | undefined;
  /** Calls back for every committed update, in order; the result ends the subscription. May be called before the start. */
  subscribe(listener: UpdateListener): () => void;
  /** Calls back when leadership changes. */
  onLeadership(listener: (leadership: Leadership) => void): () => void;
  status(): Promise<ConsensusStatus>;
}
