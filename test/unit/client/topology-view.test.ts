import { mkdtemp, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, describe, expect, it } from 'vitest';
import { systemClock } from '../../../src/base/clock.ts';
import { StratumError } from '../../../src/base/errors.ts';
import { systemRandom } from '../../../src/base/random.ts';
import { TopologyCache } from '../../../src/client/topology-cache.ts';
import { type TopologyFeed, TopologyView, type TopologyViewOptions } from '../../../src/client/topology-view.ts';
import type { WatchEvent } from '../../../src/client/watch-event.ts';
import { reduce } from '../../../src/topology/reduce.ts';
import type { Topology } from '../../../src/topology/topology.ts';
import { type ManualClock, manualClock } from '../base/manual-clock.ts';
import { recordingLog } from '../base/recording-log.ts';
import { applied, emptyCluster, formedCluster, register } from '../topology/sample-cluster.ts';
import { SampleCoordinators } from './sample-coordinators.ts';

/** A feed that the test speaks through: one entry a watch. */
class ScriptedFeed implements TopologyFeed {
  readonly watches: {
    readonly sinceVersion: bigint;
    readonly signal: AbortSignal;
    say: (event: WatchEvent | Error) => void;
  }[] = [];
  #opened: () => void = () => undefined;

  async *watchTopology(sinceVersion: bigint, signal: AbortSignal): AsyncGenerator<WatchEvent> {
    const said: (WatchEvent | Error)[] = [];
    let wake: () => void = () => undefined;
    this.watches.push({
      sinceVersion,
      signal,
      say: (event) => {
        said.push(event);
        wake();
      },
    });
    signal.addEventListener('abort', () => wake());
    this.#opened();
    for (;;) {
      signal.throwIfAborted();
      const event = said.shift();
      if (event instanceof Error) throw event;
      if (event !== undefined) yield event;
      else await new Promise<void>((resolve) => (wake = resolve));
    }
  }

  /** The n-th watch (from 1); lets time pass, as its back-off needs it, until it is there. */
  async watch(number: number, clock: ManualClock) {
    while (this.watches.length < number) {
      const opened = new Promise<void>((resolve) => (this.#opened = resolve));
      await settle();
      clock.advance(100);
      await Promise.race([opened, settle()]);
    }
    const watch = this.watches[number - 1];
    if (watch === undefined) throw new Error('no such watch');
    return watch;
  }
}

/** Lets everything that waits for nothing but its turn go on. */
async function settle(): Promise<void> {
  for (let turn = 0; turn < 5; turn += 1) await new Promise((resolve) => setImmediate(resolve));
}

const closers: (() => unknown)[] = [];

afterEach(async () => {
  for (const close of closers.splice(0).reverse()) await close();
});

async function sampleView(options: TopologyViewOptions = {}) {
  const clock = manualClock();
  const log = recordingLog();
  const feed = new ScriptedFeed();
  const view = new TopologyView(options, { feed, clock, random: { ...systemRandom, next: () => 0 }, log });
  await view.start();
  closers.push(() => view.stop());
  return { clock, log, feed, view };
}

const fullSync = (topology: Topology): WatchEvent => ({ kind: 'full-sync', topology });

/** The update that a registration makes of a topology, and the topology after it. */
function step(before: Topology, id: string): { readonly event: WatchEvent; readonly topology: Topology } {
  const { topology, update } = reduce(before, register({ id, roles: ['frontend'] }), 1n);
  if (update === undefined) throw new Error('no update');
  return { event: { kind: 'update', update }, topology };
}

describe('TopologyView', () => {
  it('begins with a full sync and applies updates in order', async () => {
    const { clock, feed, view } = await sampleView();
    const watch = await feed.watch(1, clock);
    expect(watch.sinceVersion).toBe(0n);
    expect(view.current()).toBeUndefined();
    const seen: bigint[] = [];
    view.subscribe(({ version }) => seen.push(version));
    const one = step(formedCluster(), 'a');
    const two = step(one.topology, 'b');
    for (const event of [fullSync(formedCluster()), one.event, two.event]) watch.say(event);
    await settle();
    expect(view.current()).toEqual(two.topology);
    expect(seen).toEqual([formedCluster().version, one.topology.version, two.topology.version]);
  });

  it('resumes from its version when the watch breaks, and takes a repeated update once', async () => {
    const { clock, feed, view } = await sampleView();
    const one = step(formedCluster(), 'a');
    const two = step(one.topology, 'b');
    const first = await feed.watch(1, clock);
    first.say(fullSync(formedCluster()));
    first.say(one.event);
    first.say(new StratumError('UNREACHABLE', 'gone', { endpoint: 'x' }));
    const second = await feed.watch(2, clock);
    expect(second.sinceVersion).toBe(one.topology.version);
    const seen: bigint[] = [];
    view.subscribe(({ version }) => seen.push(version));
    second.say(one.event);
    second.say(two.event);
    await settle();
    expect(seen).toEqual([two.topology.version]);
  });

  it('asks for a full sync when an update is missing', async () => {
    const { clock, feed, view } = await sampleView();
    const one = step(formedCluster(), 'a');
    const two = step(one.topology, 'b');
    const first = await feed.watch(1, clock);
    first.say(fullSync(formedCluster()));
    first.say(two.event);
    const second = await feed.watch(2, clock);
    expect(second.sinceVersion).toBe(0n);
    expect(view.current()).toEqual(formedCluster());
    second.say(fullSync(two.topology));
    await settle();
    expect(view.current()).toEqual(two.topology);
  });

  it('replaces what it has by the full sync that follows lagged', async () => {
    const { clock, feed, view } = await sampleView();
    const later = applied(formedCluster(), register({ id: 'a' }), register({ id: 'b' }));
    const watch = await feed.watch(1, clock);
    for (const event of [fullSync(formedCluster()), { kind: 'lagged', dropped: 2n } as const, fullSync(later)]) {
      watch.say(event);
    }
    await settle();
    expect(view.current()).toEqual(later);
  });

  it('keeps serving the last good topology while no coordinator answers, and tells its age', async () => {
    const { clock, feed, view } = await sampleView();
    expect(view.ageMs()).toBe(Number.POSITIVE_INFINITY);
    const watch = await feed.watch(1, clock);
    watch.say(fullSync(formedCluster()));
    await settle();
    expect(view.ageMs()).toBe(0);
    watch.say(new StratumError('UNREACHABLE', 'gone', { endpoint: 'x' }));
    await settle();
    clock.advance(7);
    expect(view.current()).toEqual(formedCluster());
    expect(view.ageMs()).toBe(7);
  });

  it('counts a keepalive as a word from the coordinators', async () => {
    const { clock, feed, view } = await sampleView();
    const watch = await feed.watch(1, clock);
    watch.say(fullSync(formedCluster()));
    await settle();
    clock.advance(5_000);
    watch.say({ kind: 'keepalive', version: formedCluster().version });
    await settle();
    expect(view.ageMs()).toBe(0);
  });

  it('gives up a watch that has been silent for too long, not one with keepalives', async () => {
    const { clock, feed } = await sampleView({ silenceMaxMs: 30_000 });
    const watch = await feed.watch(1, clock);
    for (let beat = 0; beat < 5; beat += 1) {
      clock.advance(10_000);
      watch.say({ kind: 'keepalive', version: 0n });
      await settle();
    }
    expect(watch.signal.aborted).toBe(false);
    clock.advance(30_000);
    expect(watch.signal.aborted).toBe(true);
    expect(watch.signal.reason).toMatchObject({ code: 'DEADLINE_EXCEEDED' });
    await feed.watch(2, clock);
  });

  it('never goes back: a coordinator that is behind is refused until it has caught up (invariant 5)', async () => {
    const { clock, feed, log, view } = await sampleView();
    const later = applied(formedCluster(), register({ id: 'a' }));
    (await feed.watch(1, clock)).say(fullSync(later));
    await settle();
    feed.watches[0]?.say(fullSync(formedCluster()));
    const second = await feed.watch(2, clock);
    expect(view.current()).toEqual(later);
    expect(log.lines.some(({ fields }) => String(fields.error).includes('a coordinator is behind'))).toBe(true);
    second.say(fullSync(formedCluster()));
    const third = await feed.watch(3, clock);
    expect(view.current()).toEqual(later);
    const latest = step(later, 'z').topology;
    third.say(fullSync(latest));
    await settle();
    expect(view.current()).toEqual(latest);
  });

  it('asks for a full sync after a coordinator refused its version as one of the future', async () => {
    const { clock, feed } = await sampleView();
    const first = await feed.watch(1, clock);
    first.say(fullSync(formedCluster()));
    first.say(new StratumError('INVALID_ARGUMENT', 'above', { field: 'since_version', reason: 'above' }));
    expect((await feed.watch(2, clock)).sinceVersion).toBe(0n);
  });

  it('refuses the topology of another cluster once it has heard its own', async () => {
    const { clock, feed, log, view } = await sampleView();
    const first = await feed.watch(1, clock);
    first.say(fullSync(formedCluster()));
    first.say(fullSync({ ...formedCluster(), clusterId: 'other', version: 1_000n }));
    await feed.watch(2, clock);
    expect(view.current()?.clusterId).toBe('cluster-1');
    expect(log.lines.some(({ fields }) => String(fields.error).includes('serves cluster other'))).toBe(true);
  });

  it('tells the other listeners when one throws', async () => {
    const { clock, feed, log, view } = await sampleView();
    const seen: bigint[] = [];
    view.subscribe(() => {
      throw new Error('trouble');
    });
    view.subscribe(({ version }) => seen.push(version));
    (await feed.watch(1, clock)).say(fullSync(formedCluster()));
    await settle();
    expect(seen).toEqual([formedCluster().version]);
    expect(log.lines).toContainEqual(expect.objectContaining({ level: 'error' }));
  });

  it('begins its watch again when it lacks a version that a leader named, and not otherwise', async () => {
    const { clock, feed, view } = await sampleView();
    const { version } = formedCluster();
    const first = await feed.watch(1, clock);
    first.say(fullSync(formedCluster()));
    await settle();
    view.catchUpTo(version);
    expect(first.signal.aborted).toBe(false);
    view.catchUpTo(version + 1n);
    expect(first.signal.aborted).toBe(true);
    expect((await feed.watch(2, clock)).sinceVersion).toBe(version);
  });

  it('is silent after its stop, and leaves no timer behind', async () => {
    const { clock, feed, view } = await sampleView();
    const watch = await feed.watch(1, clock);
    await view.stop();
    expect(watch.signal.aborted).toBe(true);
    expect(clock.pendingTimers()).toBe(0);
  });
});

describe('TopologyView.refresh', () => {
  const { topology: later } = step(formedCluster(), 'a');

  async function watchedView() {
    const sample = await sampleView();
    const watch = await sample.feed.watch(1, sample.clock);
    watch.say(fullSync(formedCluster()));
    await settle();
    return { ...sample, watch };
  }

  it('asks a coordinator for its whole topology, once for all who ask, beside the watch', async () => {
    const { clock, feed, view, watch } = await watchedView();
    const { signal } = new AbortController();
    const asked = [view.refresh(signal), view.refresh(signal)];
    const question = await feed.watch(2, clock);
    expect(question.sinceVersion).toBe(0n);
    question.say(fullSync(later));
    await Promise.all(asked);
    expect(view.current()).toEqual(later);
    expect(feed.watches).toHaveLength(2);
    expect(watch.signal.aborted).toBe(false);
    // The watch brings what is known already, and then what is new.
    watch.say(step(formedCluster(), 'a').event);
    const next = step(later, 'b');
    watch.say(next.event);
    await settle();
    expect(view.current()).toEqual(next.topology);
  });

  it('asks anew when it has had its answer', async () => {
    const { clock, feed, view } = await watchedView();
    for (const number of [2, 3]) {
      const asked = view.refresh(new AbortController().signal);
      (await feed.watch(number, clock)).say(fullSync(later));
      await asked;
    }
    expect(feed.watches).toHaveLength(3);
  });

  it('never goes back, and says that the coordinator is behind (invariant 5)', async () => {
    const { clock, feed, view, watch } = await watchedView();
    watch.say(step(formedCluster(), 'a').event);
    await settle();
    const asked = expect(view.refresh(new AbortController().signal)).rejects.toMatchObject({
      code: 'VERSION_CONFLICT',
    });
    (await feed.watch(2, clock)).say(fullSync(formedCluster()));
    await asked;
    expect(view.current()).toEqual(later);
  });

  it('leaves with its caller, while another goes on waiting', async () => {
    const { clock, feed, view } = await watchedView();
    const caller = new AbortController();
    const left = expect(view.refresh(caller.signal)).rejects.toThrow('enough');
    const stays = view.refresh(new AbortController().signal);
    const question = await feed.watch(2, clock);
    caller.abort(new Error('enough'));
    await left;
    question.say(fullSync(later));
    await stays;
    expect(view.current()).toEqual(later);
  });

  it.each<[string, (view: TopologyView, clock: ManualClock) => unknown, string]>([
    ['a coordinator that does not answer in time', (_, clock) => clock.advance(5_000), 'DEADLINE_EXCEEDED'],
    ['a stop', (view) => view.stop(), 'SHUTTING_DOWN'],
  ])('ends with %s, and leaves no question behind', async (_, end, code) => {
    const { clock, feed, view } = await watchedView();
    const asked = expect(view.refresh(new AbortController().signal)).rejects.toMatchObject({ code });
    const question = await feed.watch(2, clock);
    await end(view, clock);
    await asked;
    expect(question.signal.aborted).toBe(true);
  });
});

describe('TopologyView.waitFor', () => {
  it('resolves at once with a topology that is there, and later with one that comes', async () => {
    const { clock, feed, view } = await sampleView();
    const { signal } = new AbortController();
    const waiting = view.waitFor((topology) => topology.ring.epoch > 0n, signal);
    const watch = await feed.watch(1, clock);
    watch.say(fullSync(emptyCluster()));
    watch.say(fullSync(formedCluster()));
    expect(await waiting).toEqual(formedCluster());
    expect(await view.waitFor(() => true, signal)).toBe(view.current());
  });

  it('rejects with the signal’s reason, before and while it waits', async () => {
    const { view } = await sampleView();
    const caller = new AbortController();
    const waiting = view.waitFor(() => true, caller.signal);
    const reason = new Error('enough');
    caller.abort(reason);
    await expect(waiting).rejects.toBe(reason);
    await expect(view.waitFor(() => true, caller.signal)).rejects.toBe(reason);
  });
});

describe('the cache file of a TopologyView', () => {
  async function cacheFile(): Promise<string> {
    const folder = await mkdtemp(join(tmpdir(), 'stratum-topology-view-'));
    closers.push(() => rm(folder, { recursive: true }));
    return join(folder, 'topology');
  }

  it('is where it starts from when no coordinator answers', async () => {
    const path = await cacheFile();
    await new TopologyCache({ path }).save(formedCluster());
    const { view } = await sampleView({ cacheFile: path });
    expect(view.current()).toEqual(formedCluster());
    expect(view.ageMs()).toBe(Number.POSITIVE_INFINITY);
  });

  it('is written once for changes that come together, and at the stop', async () => {
    const path = await cacheFile();
    const { clock, feed, view } = await sampleView({ cacheFile: path, cacheDelayMs: 1_000 });
    const one = step(formedCluster(), 'a');
    const watch = await feed.watch(1, clock);
    watch.say(fullSync(formedCluster()));
    watch.say(one.event);
    await settle();
    expect(await new TopologyCache({ path }).load()).toBeUndefined();
    await view.stop();
    expect(await new TopologyCache({ path }).load()).toEqual(one.topology);
  });

  it('that is damaged is passed over', async () => {
    const path = await cacheFile();
    await writeFile(path, 'nonsense');
    const { log, view } = await sampleView({ cacheFile: path });
    expect(view.current()).toBeUndefined();
    expect(log.lines).toContainEqual(expect.objectContaining({ level: 'warn' }));
  });

  it('gives way to the coordinators when it is another cluster’s', async () => {
    const path = await cacheFile();
    await new TopologyCache({ path }).save({ ...formedCluster(), clusterId: 'other', version: 1_000n });
    const { clock, feed, view } = await sampleView({ cacheFile: path });
    (await feed.watch(1, clock)).say(fullSync(formedCluster()));
    await settle();
    expect(view.current()).toEqual(formedCluster());
  });

  it('that cannot be written costs a line in the log and nothing else', async () => {
    const path = join(await cacheFile(), 'no', 'such', 'folder');
    const { clock, feed, log, view } = await sampleView({ cacheFile: path });
    (await feed.watch(1, clock)).say(fullSync(formedCluster()));
    await settle();
    await view.stop();
    expect(view.current()).toEqual(formedCluster());
    expect(log.lines).toContainEqual(expect.objectContaining({ message: 'the topology could not be cached' }));
  });
});

describe('TopologyView with a real coordinator', () => {
  it('follows it over its restart, with nothing lost and nothing twice', async () => {
    const coordinators = new SampleCoordinators();
    closers.push(() => coordinators.close());
    const first = await coordinators.start();
    const feed = coordinators.client([first.address]);
    const view = new TopologyView({}, { feed, clock: systemClock, random: systemRandom, log: recordingLog() });
    closers.push(() => view.stop());
    await view.start();
    const { signal } = new AbortController();
    const seen: bigint[] = [];
    view.subscribe(({ version }) => seen.push(version));
    await view.waitFor(({ version }) => version === 0n, signal);
    await first.consensus.propose(register({ id: 'a' }));
    await view.waitFor(({ version }) => version === 1n, signal);
    await first.end();
    const second = await coordinators.start({ store: first.store, port: first.port });
    await second.consensus.propose(register({ id: 'b' }));
    expect(await view.waitFor(({ version }) => version === 2n, signal)).toEqual(second.consensus.current());
    expect(seen).toEqual([0n, 1n, 2n]);
  });
});
