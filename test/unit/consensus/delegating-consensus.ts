import type { Consensus } from '../../../src/consensus/consensus.ts';

/** A consensus that passes everything on to another, except for what is given. */
export function delegatingConsensus(consensus: Consensus, own: Partial<Consensus> = {}): Consensus {
  return {
    start: (signal) => consensus.start(signal),
    stop: () => consensus.stop(),
    current: () => consensus.current(),
    ageMs: () => consensus.ageMs(),
    leadership: () => consensus.leadership(),
    propose: (command) => consensus.propose(command),
    confirmLeadership: () => consensus.confirmLeadership(),
    transfer: (targetId) => consensus.transfer(targetId),
    saveHeartbeats: (batch) => consensus.saveHeartbeats(batch),
    loadHeartbeats: () => consensus.loadHeartbeats(),
    addMember: (member) => consensus.addMember(member),
    removeMember: (nodeId) => consensus.removeMember(nodeId),
    history: (since) => consensus.history(since),
    subscribe: (listener) => consensus.subscribe(listener),
    onLeadership: (listener) => consensus.onLeadership(listener),
    status: () => consensus.status(),
    ...own,
  };
}
