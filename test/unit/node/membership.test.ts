import { afterEach, describe, expect, it } from 'vitest';
import { systemClock } from '../../../src/base/clock.ts';
import { StratumError } from '../../../src/base/errors.ts';
import { systemRandom } from '../../../src/base/random.ts';
import type {
  HeartbeatAnswer,
  HeartbeatReport,
  Registered,
  RegistrationOptions,
} from '../../../src/client/coordinator-client.ts';
import { Membership, type MembershipModules, type MembershipOptions } from '../../../src/node/membership.ts';
import { NodeStats } from '../../../src/rpc/gen/stratum/v1/types.ts';
import type { NodeRegistration, SilentPrimary, Topology } from '../../../src/topology/topology.ts';
import { manualClock } from '../base/manual-clock.ts';
import { recordingLog } from '../base/recording-log.ts';
import { SampleCoordinators } from '../client/sample-coordinators.ts';
import { emptyCluster, nodeOf, sampleRegistration } from '../topology/sample-cluster.ts';

/** Lets everything that waits for nothing but its turn go on. */
async function settle(): Promise<void> {
  for (let turn = 0; turn < 5; turn += 1) await new Promise((resolve) => setImmediate(resolve));
}

/** Coordinators that take everything, until a test says otherwise, and remember what they were told. */
class FakeCoordinators {
  readonly told: string[] = [];
  readonly reports: HeartbeatReport[] = [];
  readonly stops: (boolean | undefined)[] = [];
  topology: Topology = emptyCluster();
  registerError: StratumError | undefined;
  heartbeatError: StratumError | undefined;
  answer: HeartbeatAnswer = {
    version: 0n,
    refreshRequired: false,
    term: 1n,
    leaderId: 'coordinator-1',
    heartbeatIntervalMs: 1_000,
    suspectTimeoutMs: 3_000,
    downTimeoutMs: 6_000,
  };

  registerNode(_node: NodeRegistration, options: RegistrationOptions): Promise<Registered> {
    this.told.push('register');
    this.stops.push(options.afterCleanStop);
    if (this.registerError !== undefined) return Promise.reject(this.registerError);
    const { clusterId, version } = this.topology;
    return Promise.resolve({ alreadyRegistered: false, clusterId, version, heartbeatIntervalMs: 1_000 });
  }

  deregisterNode() {
    this.told.push('deregister');
    return Promise.resolve({ removed: true, version: 0n });
  }

  heartbeat(report: HeartbeatReport): Promise<HeartbeatAnswer> {
    this.told.push(report.reportedState);
    this.reports.push(report);
    return this.heartbeatError === undefined ? Promise.resolve(this.answer) : Promise.reject(this.heartbeatError);
  }
}

const closers: (() => unknown)[] = [];

afterEach(async () => {
  for (const close of closers.splice(0).reverse()) await close();
});

function sampleMembership(changes: Partial<MembershipModules> = {}, options: Partial<MembershipOptions> = {}) {
  const clock = manualClock();
  const log = recordingLog();
  const coordinators = new FakeCoordinators();
  const refusals: StratumError[] = [];
  const membership = new Membership(
    { registration: sampleRegistration(), ...options },
    {
      client: coordinators,
      view: { current: () => undefined, catchUpTo: () => undefined },
      clock,
      random: { ...systemRandom, next: () => 0.999 },
      log,
      ready: () => true,
      stats: () => Promise.resolve(NodeStats.fromPartial({})),
      onRefused: (error) => refusals.push(error),
      ...changes,
    },
  );
  closers.push(() => membership.stop());
  const pass = async (ms: number) => {
    clock.advance(ms);
    await settle();
  };
  return { clock, log, coordinators, membership, refusals, pass };
}

describe('Membership', () => {
  it('registers, sends a heartbeat at once, and then one an interval', async () => {
    const { coordinators, membership, pass } = sampleMembership();
    await membership.start();
    await settle();
    expect(coordinators.told).toEqual(['register', 'READY']);
    await pass(1_000);
    await pass(1_000);
    expect(coordinators.told).toEqual(['register', 'READY', 'READY', 'READY']);
  });

  it('keeps to the interval that the leader names', async () => {
    const { coordinators, membership, pass } = sampleMembership();
    coordinators.answer = { ...coordinators.answer, heartbeatIntervalMs: 5_000 };
    await membership.start();
    await settle();
    await pass(4_000);
    expect(coordinators.told).toEqual(['register', 'READY']);
    await pass(1_000);
    expect(coordinators.told).toEqual(['register', 'READY', 'READY']);
  });

  it('is never late: the time that a heartbeat takes is part of the interval', async () => {
    const { clock, coordinators, membership, pass } = sampleMembership();
    const { promise: slow, resolve: answer } = Promise.withResolvers<HeartbeatAnswer>();
    const quick = coordinators.heartbeat.bind(coordinators);
    coordinators.heartbeat = (report) =>
      coordinators.reports.length === 0 ? quick(report).then(() => slow) : quick(report);
    await membership.start();
    await settle();
    clock.advance(900);
    answer(coordinators.answer);
    await settle();
    await pass(100);
    expect(coordinators.reports).toHaveLength(2);
  });

  it('says STARTING until it is ready, and READY at once when that is announced', async () => {
    let isReady = false;
    const { coordinators, membership } = sampleMembership({ ready: () => isReady });
    await membership.start();
    await settle();
    isReady = true;
    membership.announce();
    await settle();
    expect(coordinators.told).toEqual(['register', 'STARTING', 'READY']);
  });

  it('reports its load as soon as it is known, and waits for no slow measurement', async () => {
    const { promise, resolve } = Promise.withResolvers<NodeStats>();
    const { coordinators, membership, pass } = sampleMembership({ stats: () => promise });
    await membership.start();
    await settle();
    await pass(1_000);
    expect(coordinators.reports.map(({ stats }) => stats)).toEqual([undefined, undefined]);
    resolve(NodeStats.fromPartial({ storedBytes: 5n }));
    await settle();
    await pass(1_000);
    expect(coordinators.reports.at(-1)?.stats?.storedBytes).toBe(5n);
  });

  it.each([
    ['rejects', () => Promise.reject(new Error('no disk'))],
    [
      'throws',
      () => {
        throw new Error('no disk');
      },
    ],
  ])('sends heartbeats although the measurement %s', async (_, stats) => {
    const { coordinators, membership, pass } = sampleMembership({ stats });
    await membership.start();
    await settle();
    await pass(1_000);
    expect(coordinators.told).toEqual(['register', 'READY', 'READY']);
  });

  it('names the version that it works from', async () => {
    const topology = { ...emptyCluster(), version: 9n };
    const { coordinators, membership } = sampleMembership({
      view: { current: () => topology, catchUpTo: () => undefined },
    });
    await membership.start();
    await settle();
    expect(coordinators.reports[0]?.knownVersion).toBe(9n);
  });

  it('has its view refreshed when it stays behind for a whole interval, not at once', async () => {
    const refreshed: bigint[] = [];
    let version = 1n;
    const { coordinators, membership, pass } = sampleMembership({
      view: { current: () => ({ ...emptyCluster(), version }), catchUpTo: (named) => refreshed.push(named) },
    });
    coordinators.answer = { ...coordinators.answer, version: 2n, refreshRequired: true };
    await membership.start();
    await settle();
    expect(refreshed).toEqual([]);
    await pass(1_000);
    expect(refreshed).toEqual([2n]);
    version = 2n;
    await pass(1_000);
    expect(refreshed).toEqual([2n]);
  });

  it('tells which primaries it does not hear, and tells at once when that is announced', async () => {
    let silentPrimaries: readonly SilentPrimary[] = [];
    const { coordinators, membership } = sampleMembership({ silentPrimaries: () => silentPrimaries });
    await membership.start();
    await settle();
    silentPrimaries = [{ partition: 2, epoch: 5n }];
    membership.announce();
    await settle();
    expect(coordinators.reports.map((report) => report.silentPrimaries)).toEqual([[], silentPrimaries]);
  });

  it.each([true, false])('says at its registration whether it comes after a clean stop: %s', async (afterCleanStop) => {
    const { coordinators, membership } = sampleMembership({}, { afterCleanStop });
    await membership.start();
    await settle();
    expect(coordinators.stops).toEqual([afterCleanStop]);
  });

  it('registers again when the coordinators do not know it', async () => {
    const { coordinators, membership, pass } = sampleMembership();
    await membership.start();
    await settle();
    coordinators.heartbeatError = new StratumError('NODE_NOT_FOUND', 'who?', { kind: 'node', id: 'object-1' });
    await pass(1_000);
    coordinators.heartbeatError = undefined;
    await pass(50);
    expect(coordinators.told).toEqual(['register', 'READY', 'READY', 'register', 'READY']);
  });

  it('goes on trying with back-off while no coordinator answers, and says so once', async () => {
    const { coordinators, log, membership, pass } = sampleMembership();
    coordinators.registerError = new StratumError('UNREACHABLE', 'refused', { endpoint: 'x' });
    await membership.start();
    await settle();
    for (let tries = 0; tries < 4; tries += 1) await pass(1_000);
    expect(coordinators.told).toEqual(Array.from({ length: 5 }, () => 'register'));
    expect(log.lines.filter(({ level }) => level === 'warn')).toHaveLength(1);
    coordinators.registerError = undefined;
    await pass(1_000);
    expect(coordinators.told.slice(-2)).toEqual(['register', 'READY']);
  });

  it.each([
    new StratumError('ZOMBIE_NODE', 'replaced', { nodeId: 'n', expectedGeneration: 2n, givenGeneration: 1n }),
    new StratumError('UNSAFE', 'wiped disk'),
    new StratumError('INVALID_ARGUMENT', 'bad label', { field: 'node.labels', reason: 'bad' }),
  ])('ends for good when its registration is refused: $code', async (refusal) => {
    const { clock, coordinators, membership, refusals, pass } = sampleMembership();
    coordinators.registerError = refusal;
    await membership.start();
    await settle();
    await pass(60_000);
    expect(refusals).toEqual([refusal]);
    await expect(membership.whenRegistered(new AbortController().signal)).rejects.toBe(refusal);
    await membership.stop();
    expect(coordinators.told).toEqual(['register']);
    expect(clock.pendingTimers()).toBe(0);
  });

  it('ends for good when a newer process has its place, and says no STOPPING in its name', async () => {
    const { coordinators, membership, refusals, pass } = sampleMembership();
    await membership.start();
    await settle();
    const zombie = { nodeId: 'object-1', expectedGeneration: 2n, givenGeneration: 1n };
    coordinators.heartbeatError = new StratumError('ZOMBIE_NODE', 'replaced', zombie);
    await pass(1_000);
    await pass(60_000);
    await membership.stop();
    expect(refusals).toMatchObject([{ code: 'ZOMBIE_NODE' }]);
    expect(coordinators.told).toEqual(['register', 'READY', 'READY']);
  });

  it('says STOPPING at its end and leaves no timer behind', async () => {
    const { clock, coordinators, membership } = sampleMembership();
    await membership.start();
    await settle();
    await membership.stop();
    expect(coordinators.told).toEqual(['register', 'READY', 'STOPPING']);
    expect(clock.pendingTimers()).toBe(0);
  });

  it('ends although nobody hears its STOPPING, and says none when it never was registered', async () => {
    const registered = sampleMembership();
    await registered.membership.start();
    await settle();
    registered.coordinators.heartbeatError = new StratumError('UNREACHABLE', 'gone', { endpoint: 'x' });
    await expect(registered.membership.stop()).resolves.toBeUndefined();
    const never = sampleMembership();
    never.coordinators.registerError = new StratumError('UNREACHABLE', 'gone', { endpoint: 'x' });
    await never.membership.start();
    await settle();
    await never.membership.stop();
    expect(never.coordinators.told).toEqual(['register']);
  });

  it('does not join another cluster with the data folder of its own', async () => {
    const { coordinators, membership, refusals } = sampleMembership({}, { clusterId: 'mine' });
    await membership.start();
    await settle();
    expect(coordinators.told).toEqual(['register', 'deregister']);
    expect(refusals).toMatchObject([{ code: 'UNSAFE', message: expect.stringContaining('mine') }]);
  });

  it('outlives coordinators that have lost their cluster, without joining the new one', async () => {
    const { coordinators, membership, refusals, pass } = sampleMembership();
    await membership.start();
    await settle();
    coordinators.heartbeatError = new StratumError('NODE_NOT_FOUND', 'who?', { kind: 'node', id: 'object-1' });
    coordinators.topology = { ...emptyCluster(), clusterId: 'new' };
    await pass(1_000);
    await pass(100);
    expect(coordinators.told.slice(-2)).toEqual(['register', 'deregister']);
    expect(refusals).toEqual([]);
    coordinators.heartbeatError = undefined;
    coordinators.topology = emptyCluster();
    await pass(30_000);
    expect(coordinators.told.slice(-2)).toEqual(['register', 'READY']);
  });

  it('tells when it is registered, whoever waits for it', async () => {
    const seen: Registered[] = [];
    const { membership } = sampleMembership({ onRegistered: (registered) => seen.push(registered) });
    const { signal } = new AbortController();
    const waiting = membership.whenRegistered(signal);
    await membership.start();
    await waiting;
    expect(seen).toHaveLength(1);
    await membership.whenRegistered(signal);
  });

  it('lets whoever waits for the registration give up', async () => {
    const { membership } = sampleMembership();
    const reason = new Error('enough');
    await expect(membership.whenRegistered(AbortSignal.abort(reason))).rejects.toBe(reason);
  });
});

describe('Membership with a real coordinator', () => {
  it('lets the later of two processes of one name live, and ends the earlier', async () => {
    const coordinators = new SampleCoordinators();
    closers.push(() => coordinators.close());
    const { address, consensus } = await coordinators.start();
    const refused = Promise.withResolvers<StratumError>();
    const start = async (generationId: bigint, onRefused: (error: StratumError) => void) => {
      const membership = new Membership(
        { registration: sampleRegistration({ generationId }) },
        {
          client: coordinators.client([address]),
          view: { current: () => undefined, catchUpTo: () => undefined },
          clock: systemClock,
          random: systemRandom,
          log: recordingLog(),
          ready: () => true,
          stats: () => Promise.resolve(NodeStats.fromPartial({})),
          onRefused,
        },
      );
      closers.push(() => membership.stop());
      await membership.start();
      await membership.whenRegistered(new AbortController().signal);
      return membership;
    };
    const older = await start(1n, refused.resolve);
    await start(2n, (error) => refused.reject(error));
    older.announce();
    expect(await refused.promise).toMatchObject({ code: 'ZOMBIE_NODE', details: { expectedGeneration: 2n } });
    expect(nodeOf(consensus.current(), 'object-1').generationId).toBe(2n);
  });
});
