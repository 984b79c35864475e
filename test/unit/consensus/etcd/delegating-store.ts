import type { CoordinationStore } from '../../../../src/consensus/etcd/coordination-store.ts';

/** A coordination store that passes everything on to another, except for what is given. */
export function delegatingStore(store: CoordinationStore, own: Partial<CoordinationStore> = {}): CoordinationStore {
  return {
    read: (ranges) => store.read(ranges),
    commit: (guards, changes) => store.commit(guards, changes),
    grantLease: (ttlMs) => store.grantLease(ttlMs),
    renewLease: (id) => store.renewLease(id),
    revokeLease: (id) => store.revokeLease(id),
    watch: (from, signal) => store.watch(from, signal),
    status: () => store.status(),
    addMember: (address) => store.addMember(address),
    removeMember: (id) => store.removeMember(id),
    close: () => store.close(),
    ...own,
  };
}
