import { Etcd3 } from 'etcd3';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { systemClock } from '../../src/base/clock.ts';
import { hasCode } from '../../src/base/errors.ts';
import { EtcdStore } from '../../src/consensus/etcd/etcd-store.ts';
import { SimCoordinationStore } from '../sim/sim-coordination-store.ts';
import { SimNetwork } from '../sim/sim-network.ts';
import { SimProcess } from '../sim/sim-process.ts';
import { simRandom } from '../sim/sim-random.ts';
import { SimStoreServer } from '../sim/sim-store-server.ts';
import { SimWorld } from '../sim/sim-world.ts';
import { describeCoordinationStore } from './coordination-store.ts';
import { type EtcdProcess, startEtcd } from './etcd-process.ts';

const callTimeoutMs = 1_500;
let places = 0;

describeCoordinationStore('in a simulation', () => {
  places += 1;
  const world = new SimWorld({ random: simRandom(places) });
  const server = new SimStoreServer({}, { world });
  const network = new SimNetwork({ world });
  const process = new SimProcess({ name: 'coordinator-1', wallMs: 0 }, { world });
  return Promise.resolve({
    store: (prefix = '/stratum/') =>
      new SimCoordinationStore({ prefix, callTimeoutMs }, { server, network, process, random: world.random.next }),
    settle: (promise) => world.settle(promise),
    compact: (revision) => {
      server.compact(revision);
      return Promise.resolve();
    },
    pause: () => server.beginElection(),
    resume: () => server.endElection(),
    remove: () => Promise.resolve(),
  });
});

let etcd: EtcdProcess;
beforeAll(async () => {
  etcd = await startEtcd();
});
afterAll(() => etcd.stop());

describeCoordinationStore('on etcd', () => {
  places += 1;
  const own = `/test/${places}`;
  return Promise.resolve({
    store: (prefix = '/stratum/') =>
      new EtcdStore(
        { endpoints: [etcd.endpoint], prefix: own + prefix, asksMembers: true, callTimeoutMs },
        { clock: systemClock },
      ),
    settle: (promise) => promise,
    compact: async (revision) => {
      const client = new Etcd3({ hosts: [etcd.endpoint] });
      await client.kv.compact({ revision: String(revision) });
      client.close();
    },
    pause: () => etcd.pause(),
    resume: () => etcd.resume(),
    remove: () => Promise.resolve(),
  });
});

describe('EtcdStore at endpoints that are not there', () => {
  const store = (...endpoints: readonly string[]) =>
    new EtcdStore({ endpoints, prefix: '/bad/', asksMembers: true, callTimeoutMs: 1_000 }, { clock: systemClock });

  it('says NO_QUORUM when nobody listens there', async () => {
    const nobody = store('http://127.0.0.1:1');
    const calls = [nobody.read([{ start: 'a' }]), nobody.grantLease(1_000), nobody.renewLease('1'), nobody.status()];
    const outcomes = await Promise.allSettled(calls);
    expect(outcomes.map((outcome) => outcome.status === 'rejected' && hasCode(outcome.reason, 'NO_QUORUM'))).toEqual(
      calls.map(() => true),
    );
    const changes = nobody.watch(1n, new AbortController().signal)[Symbol.asyncIterator]();
    await expect(changes.next()).rejects.toSatisfy((error) => hasCode(error, 'NO_QUORUM'));
    nobody.close();
  });

  it('goes on at an endpoint that answers', async () => {
    const one = store('http://127.0.0.1:1', etcd.endpoint);
    for (let round = 0; round < 4; round += 1) {
      await expect(one.read([{ start: 'a' }])).resolves.toMatchObject({ keys: [] });
    }
    one.close();
  });
});
