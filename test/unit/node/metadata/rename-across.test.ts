import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { StratumError } from '../../../../src/base/errors.ts';
import { metadataHandlers } from '../../../../src/node/metadata/metadata-service.ts';
import type { PartitionAccess } from '../../../../src/node/metadata/partition-access.ts';
import type { RemoteNames } from '../../../../src/node/metadata/remote-names.ts';
import { findAlias, findDeletedRepo, findRepo, readRefs } from '../../../../src/node/metadata/repo-state.ts';
import { intentKeptMs } from '../../../../src/node/metadata/state-machine/name-rows.ts';
import type { Repo } from '../../../../src/rpc/gen/stratum/v1/metadata.ts';
import { partitionOf } from '../../../../src/topology/partitioning.ts';
import { manualClock } from '../../base/manual-clock.ts';
import { recordingLog } from '../../base/recording-log.ts';
import { MemoryLogs, MemoryPartitions } from './memory-partitions.ts';
import { type Calls, callsOf, command, id } from './sample-requests.ts';
import { heldTopology, metadataCluster } from './sample-topology.ts';

/** What becomes of a message or an operation on its way. */
const fates = ['done', 'lost', 'unanswered', 'late', 'died'] as const;
type Fate = (typeof fates)[number];

/** Something that waits to happen. */
interface Pending {
  readonly happen: (fate: Fate) => void;
}

/** Few names in few partitions, so that everything gets in the way of everything. */
const partitions = 3;
const names = ['a/1', 'a/2', 'a/3', 'a/4'];

/**
 * A cluster whose every step waits until the test picks it, and says what becomes of it: done; lost before it is
 * done; done without an answer; done long after the caller has given up; done, and the caller dies of it.
 */
class SteppedCluster {
  readonly clock = manualClock(1_700_000_000_000);
  readonly logs = new MemoryLogs();
  readonly calls: Calls;
  /** The ids of all repositories that were ever seen: they must be somewhere, deleted ones included. */
  readonly made = new Set<string>();
  /** Those of them that have a ref. */
  readonly filled = new Set<string>();
  readonly #pending: Pending[] = [];

  constructor() {
    const topology = heldTopology(metadataCluster({ m1: '127.0.0.1:1' }, { partitions }));
    const modules = { clock: this.clock, topology, logs: this.logs };
    const direct = new MemoryPartitions({ nodeId: 'm1' }, modules);
    let drawn = 0;
    const random = {
      next: () => 0,
      bytes: (length: number) => {
        drawn += 1;
        return Buffer.from(drawn.toString(16).padStart(2 * length, '0'), 'hex');
      },
    };
    const access: PartitionAccess = {
      partitionOf: (name) => direct.partitionOf(name),
      served: () => direct.served(),
      read: (partition, work) => direct.read(partition, work),
      submit: (partition, operation, options) =>
        this.#step(() => direct.submit(partition, operation, { ...options, signal: new AbortController().signal })),
    };
    const remote: RemoteNames = {
      reserveName: (request) => this.#step(() => this.calls.reserveName(request)),
      releaseName: (request) => this.#step(() => this.calls.releaseName(request)),
      confirmName: (request) => this.#step(() => this.calls.confirmName(request)),
    };
    const log = recordingLog();
    const { clock } = this;
    this.calls = callsOf(
      metadataHandlers({ partitions: access, names: remote, refs: direct.refs, random, clock, log }),
    );
  }

  /** Lets one of what waits happen, by its place, from the end if that is below 0; false when nothing waits. */
  async advance(choice: number, fate: Fate): Promise<boolean> {
    await settle();
    const [picked] = this.#pending.splice(choice < 0 ? choice : choice % Math.max(1, this.#pending.length), 1);
    picked?.happen(fate);
    await settle();
    return picked !== undefined;
  }

  /** Lets all happen that still waits, without faults. */
  async finish(): Promise<void> {
    while (await this.advance(0, 'done'));
  }

  state(partition: number) {
    return this.logs.of(partition).state;
  }

  /** Every row of a name or a deleted repository, with its partition. */
  rows(): { partition: number; repo: Repo; nameToken: Buffer }[] {
    return Array.from({ length: partitions }, (_, partition) => {
      const state = this.state(partition);
      const ids = [...this.made];
      const deleted = ids.flatMap((repoId) => findDeletedRepo(state, repoId) ?? []);
      return [...names.flatMap((name) => findRepo(state, name) ?? []), ...deleted].map((stored) => ({
        partition,
        ...stored,
      }));
    }).flat();
  }

  /** Where a name leads a reader: to its partition, and on by an alias. */
  lookUp(name: string): Repo | undefined {
    const own = this.state(partitionOf(name, partitions));
    const alias = findAlias(own, name);
    const state = alias === undefined ? own : this.state(alias.home);
    return findRepo(state, name)?.repo;
  }

  async #step<T>(work: () => Promise<T>): Promise<T> {
    const { promise, resolve, reject } = Promise.withResolvers<T>();
    const lost = () => reject(new StratumError('DEADLINE_EXCEEDED', 'no answer', { endpoint: 'm1' }));
    const happen = (fate: Fate) => {
      if (fate === 'lost' || fate === 'late') lost();
      if (fate === 'late') this.#pending.push({ happen: () => void work().catch(() => undefined) });
      if (fate === 'lost' || fate === 'late') return;
      const done = work();
      if (fate === 'done') done.then(resolve, reject);
      if (fate === 'unanswered') done.then(lost, lost);
      // Of one that died nothing is heard: its promise never settles.
      if (fate === 'died') done.catch(() => undefined);
    };
    this.#pending.push({ happen });
    return promise;
  }
}

/** Lets everything that needs no step run. */
async function settle(): Promise<void> {
  for (let turn = 0; turn < 60; turn += 1) await Promise.resolve();
}

function checkInvariants(cluster: SteppedCluster, withRefs = false): void {
  const rows = cluster.rows();
  for (const { repo } of rows) cluster.made.add(repo.id);
  for (const name of names) {
    const owners = rows.filter(({ repo }) => repo.deletedAtMs === undefined && repo.name === name);
    expect(owners.length, `repositories of the name ${name}`).toBeLessThanOrEqual(1);
    const state = cluster.state(partitionOf(name, partitions));
    const alias = findAlias(state, name);
    expect(alias !== undefined && findRepo(state, name) !== undefined, `${name} has an alias and a row`).toBe(false);
    const [owner] = owners;
    if (owner === undefined) continue;
    expect(cluster.lookUp(name)?.id, `where ${name} leads`).toBe(owner.repo.id);
    const isHome = owner.partition === partitionOf(name, partitions);
    expect(owner.nameToken.toString('hex')).toBe(isHome ? '' : alias?.token.toString('hex'));
  }
  for (const repoId of cluster.made) {
    const places = rows.filter(({ repo }) => repo.id === repoId);
    expect(places.length, `places of repository ${repoId}`).toBe(1);
    const [place] = places;
    if (!withRefs || place === undefined) continue;
    const refs = [{ name: 'refs/heads/main', objectId: id(repoId.slice(-8)), peeledId: '' }];
    expect(readRefs(cluster.state(place.partition), repoId)).toEqual(cluster.filled.has(repoId) ? refs : []);
  }
}

/** A repository with a ref of its own, made without faults. */
async function make(cluster: SteppedCluster, name: string): Promise<void> {
  const created = cluster.calls.createRepo({ name }).catch(() => undefined);
  await cluster.finish();
  const repo = (await created)?.repo;
  if (repo === undefined) return;
  const commands = [command('refs/heads/main', '', repo.id.slice(-8))];
  const pushed = cluster.calls.updateRefs({ repo: name, repoId: repo.id, commands });
  await cluster.finish();
  await pushed;
  cluster.filled.add(repo.id);
}

const anyName = fc.constantFrom(...names);
const anyStep = fc.oneof(
  { weight: 4, arbitrary: fc.record({ kind: fc.constant('rename' as const), name: anyName, newName: anyName }) },
  // A rename that stops before its commit, for longer than its intent is respected, and somebody else who wants the name.
  { weight: 1, arbitrary: fc.record({ kind: fc.constant('stall' as const), name: anyName, newName: anyName }) },
  { weight: 1, arbitrary: fc.record({ kind: fc.constant('delete' as const), name: anyName }) },
  { weight: 1, arbitrary: fc.record({ kind: fc.constant('restore' as const), at: fc.nat(10), newName: anyName }) },
  { weight: 1, arbitrary: fc.record({ kind: fc.constant('create' as const), name: anyName }) },
  { weight: 2, arbitrary: fc.record({ kind: fc.constant('wait' as const), ms: fc.constant(400_000) }) },
  {
    weight: 20,
    arbitrary: fc.record({
      kind: fc.constant('happen' as const),
      // Mostly the latest, so that what was begun before stays behind.
      choice: fc.oneof({ weight: 2, arbitrary: fc.constant(-1) }, { weight: 1, arbitrary: fc.nat(20) }),
      fate: fc.oneof({ weight: 3, arbitrary: fc.constant('done' as const) }, fc.constantFrom(...fates)),
    }),
  },
);

describe('a rename across partitions', () => {
  it('never gives a name to two repositories, and loses none, whatever is lost, late or dies between its steps', async () => {
    const seen = { across: 0, died: 0 };
    await fc.assert(
      fc.asyncProperty(fc.array(anyStep, { minLength: 40, maxLength: 120, size: 'max' }), async (steps) => {
        const cluster = new SteppedCluster();
        const { calls } = cluster;
        const ignore = (call: Promise<unknown>) => void call.catch(() => undefined);
        for (const name of names.slice(0, 2)) await make(cluster, name);
        for (const step of steps) {
          const owner = 'name' in step ? cluster.lookUp(step.name) : undefined;
          if (step.kind === 'happen') {
            await cluster.advance(step.choice, step.fate);
            if (step.fate === 'died') seen.died += 1;
          } else if (step.kind === 'wait') cluster.clock.advance(step.ms);
          else if (step.kind === 'create') ignore(calls.createRepo({ name: step.name }));
          else if (step.kind === 'restore') {
            const deleted = cluster.rows().filter(({ repo }) => repo.deletedAtMs !== undefined);
            const found = deleted[step.at % Math.max(1, deleted.length)];
            if (found === undefined) continue;
            ignore(calls.restoreRepo({ id: found.repo.id, home: found.partition, newName: step.newName }));
          } else if (owner !== undefined) {
            const { id: expectedId, partition: home } = owner;
            if (step.kind === 'delete') ignore(calls.deleteRepo({ name: step.name, expectedId, home }));
            else ignore(calls.renameRepo({ name: step.name, newName: step.newName, expectedId, home }));
            if (step.kind === 'stall') {
              // Begin, the message, and the reservation.
              for (let times = 0; times < 3; times += 1) await cluster.advance(-1, 'done');
              cluster.clock.advance(Number(intentKeptMs) + 1);
              ignore(calls.createRepo({ name: step.newName }));
            }
          }
          if (step.kind !== 'happen') continue;
          checkInvariants(cluster);
          seen.across += cluster.rows().filter(({ nameToken }) => nameToken.length > 0).length;
        }
        await cluster.finish();
        checkInvariants(cluster, true);
        // Whatever was left behind: after five minutes every name that leads nowhere can be had.
        cluster.clock.advance(Number(intentKeptMs) + 1);
        const free = names.filter((name) => cluster.lookUp(name) === undefined);
        for (const name of free) await make(cluster, name);
        checkInvariants(cluster, true);
        expect(names.filter((name) => cluster.lookUp(name) === undefined)).toEqual([]);
      }),
      { numRuns: 40, endOnFailure: true },
    );
    // A test in which nothing ever crosses would prove nothing.
    expect(seen.across, 'names in other partitions').toBeGreaterThan(60);
    expect(seen.died).toBeGreaterThan(30);
  }, 60_000);
});
