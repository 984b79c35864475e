// Run as a process of its own by lmdb-topology-store.test.ts: commits for ever and tells each version once it is durable.
import { LmdbTopologyStore } from '../../../src/consensus/lmdb-topology-store.ts';
import { reduce } from '../../../src/topology/reduce.ts';
import { emptyCluster, register } from '../topology/sample-cluster.ts';

async function commitForEver(path: string): Promise<void> {
  const store = new LmdbTopologyStore({ path });
  await store.load();
  let topology = emptyCluster();
  await store.write({ term: 1n, topology });
  for (let index = 0; process.connected; index += 1) {
    const next = reduce(topology, register({ id: `node-${index % 50}`, generationId: BigInt(index + 1) }), 1n);
    topology = next.topology;
    if (next.update !== undefined) await store.write({ topology, update: next.update });
    process.send?.(String(topology.version));
    // Lets the message out: a loop of synchronous commits would starve it.
    await new Promise((resolve) => setImmediate(resolve));
  }
}

void commitForEver(process.argv[2] ?? '');
