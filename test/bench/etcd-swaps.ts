import { Etcd3 } from 'etcd3';
import { type CallRate, callRate } from './call-rate.ts';
import { startEtcdCluster } from './etcd-cluster.ts';

/** What is measured of etcd. */
export interface SwapShape {
  readonly periodMs: number;
  readonly callers: number;
  /** Of the many keys over which the callers go. */
  readonly keys: number;
  /** Bytes of key and value together. */
  readonly bytes: number;
}

/** Transactions that put a key if it has the value that the caller put last, on an etcd of three members with fsync. */
export async function measureEtcdSwaps({ periodMs, callers, keys, bytes }: SwapShape) {
  const etcd = await startEtcdCluster();
  const client = new Etcd3({ hosts: [...etcd.endpoints] });
  try {
    const values = new Map<string, string>();
    let number = 0;
    const swap = async (key: string) => {
      number += 1;
      const next = String(number).padEnd(bytes - key.length, 'v');
      const known = values.get(key);
      const compared = known === undefined ? client.if(key, 'Create', '==', 0) : client.if(key, 'Value', '==', known);
      const { succeeded } = await compared.then(client.put(key).value(next)).commit();
      if (!succeeded) throw new Error(`etcd refused the swap of ${key}`);
      values.set(key, next);
    };
    await swap('refs/heads/main');
    const turns = Array.from({ length: callers }, () => 0);
    const one: CallRate = await callRate(1, periodMs, () => swap('refs/heads/main'));
    const own: CallRate = await callRate(callers, periodMs, (caller) => swap(`refs/heads/branch-${caller}`));
    const many: CallRate = await callRate(callers, periodMs, (caller) => {
      const turn = turns[caller] ?? 0;
      turns[caller] = turn + 1;
      return swap(`app-${(caller + turn * callers) % keys}/refs/heads/main`);
    });
    return { one, own, many };
  } finally {
    client.close();
    await etcd.stop();
  }
}
