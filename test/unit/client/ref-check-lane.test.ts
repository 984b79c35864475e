import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { StratumError } from '../../../src/base/errors.ts';
import { routeToNode } from '../../../src/client/metadata-routes.ts';
import { RefCheckLane } from '../../../src/client/ref-check-lane.ts';
import { type CheckRefsResponse, RefsCheck, Repo } from '../../../src/rpc/gen/stratum/v1/metadata.ts';
import type { Topology } from '../../../src/topology/topology.ts';
import { manualClock } from '../base/manual-clock.ts';
import { heldTopology, metadataCluster } from '../node/metadata/sample-topology.ts';

/** Until all that was asked for in this turn of the event loop has happened. */
const turn = () => new Promise((resolve) => setImmediate(resolve));

/** A call that the lane has sent and a test answers. */
interface SentCall {
  readonly names: readonly string[];
  readonly checks: readonly RefsCheck[];
  readonly signal: AbortSignal;
  readonly answer: (response: CheckRefsResponse) => void;
  readonly fail: (error: Error) => void;
}

const unchanged = (name: string) => ({ unchanged: true, repo: Repo.create({ name }) });
const changed = { unchanged: false, repo: undefined };

/** A lane to node m1, the primary of partition 0. */
function laneTo() {
  const clock = manualClock();
  const topology = heldTopology(metadataCluster({ m1: 'one:1' }));
  const calls: SentCall[] = [];
  const listeners = { count: 0, idle: 0 };
  const toPartition = (partition: number) => (at: Topology | undefined) =>
    routeToNode(at, at?.partitions[partition]?.primaryId ?? '');
  const lane = new RefCheckLane(
    { find: toPartition(0) },
    {
      clock,
      topology: {
        current: topology.current,
        subscribe(listener) {
          listeners.count += 1;
          const unsubscribe = topology.subscribe(listener);
          return () => {
            listeners.count -= 1;
            unsubscribe();
          };
        },
      },
      call: ({ checks }, signal) => {
        const { promise, resolve, reject } = Promise.withResolvers<CheckRefsResponse>();
        signal.addEventListener('abort', () => reject(signal.reason));
        calls.push({ names: checks.map(({ repo }) => repo), checks, signal, answer: resolve, fail: reject });
        return promise;
      },
      onIdle: () => {
        listeners.idle += 1;
      },
    },
  );
  const ask = (
    repo: string,
    {
      partition = 0,
      ...rest
    }: { partition?: number; timeoutMs?: number; signal?: AbortSignal; generation?: bigint } = {},
  ) =>
    lane.ask({
      check: RefsCheck.create({ repo, generation: rest.generation ?? 1n }),
      find: toPartition(partition),
      timeoutMs: rest.timeoutMs ?? 1_000,
      signal: rest.signal,
    });
  const call = (at: number): SentCall => {
    const sent = calls[at];
    if (sent === undefined) throw new Error(`no call ${at}`);
    return sent;
  };
  const sentNames = () => calls.map(({ names }) => names);
  return { clock, topology, calls, call, ask, sentNames, listeners };
}

describe('RefCheckLane', () => {
  it('sends a lone check at once, and those of one moment together', async () => {
    const { ask, sentNames, call } = laneTo();
    const answers = [ask('a'), ask('b')];
    await turn();
    expect(sentNames()).toEqual([['a', 'b']]);
    call(0).answer({ results: [unchanged('a'), changed] });
    expect(await Promise.all(answers)).toEqual([Repo.create({ name: 'a' }), undefined]);
  });

  it('adds no check to a call that was sent: with two under way the next carries all that waited', async () => {
    const { ask, sentNames, call } = laneTo();
    for (const name of ['a', 'b', 'c', 'd']) {
      void ask(name);
      await turn();
    }
    expect(sentNames()).toEqual([['a'], ['b']]);
    call(1).answer({ results: [unchanged('b')] });
    await turn();
    expect(sentNames()).toEqual([['a'], ['b'], ['c', 'd']]);
  });

  it('sends with those that waited also who asks anew with its answer', async () => {
    const { ask, sentNames, call } = laneTo();
    void ask('a');
    await turn();
    const second = ask('b');
    await turn();
    void ask('c');
    void second.then(() => ask('d'));
    call(1).answer({ results: [changed] });
    await turn();
    expect(sentNames()).toEqual([['a'], ['b'], ['c', 'd']]);
  });

  it('puts no more than a thousand checks into a call', async () => {
    const { ask, calls, call } = laneTo();
    for (let at = 0; at < 2_500; at += 1) void ask(`${at}`);
    await turn();
    expect(calls.map(({ names }) => names.length)).toEqual([1_000, 1_000]);
    call(0).answer({ results: [] });
    await turn();
    expect(call(2).names).toEqual(Array.from({ length: 500 }, (_, at) => `${at + 2_000}`));
  });

  it('never gives the answer of a moment before the check was asked', async () => {
    const steps = fc.array(fc.constantFrom('write', 'ask', 'read', 'answer'), { minLength: 4, maxLength: 40 });
    await fc.assert(
      fc.asyncProperty(steps, async (schedule) => {
        const { ask, calls } = laneTo();
        let generation = 1n;
        const reads: (() => void)[] = [];
        let readCalls = 0;
        const wrong: string[] = [];
        let confirmed = 0;
        const acts = {
          write: () => {
            generation += 1n;
          },
          ask: () => {
            const asked = generation;
            // What the caller has may be what was current before the last write.
            for (const known of [asked, asked - 1n]) {
              void ask('a', { generation: known }).then((repo) => {
                if (repo === undefined) return;
                confirmed += 1;
                if (known < asked) wrong.push(`${known} confirmed to who asked at ${asked}`);
              });
            }
          },
          read: () => {
            const call = calls[readCalls];
            if (call === undefined) return;
            readCalls += 1;
            const current = generation;
            const results = call.checks.map((check) => (check.generation === current ? unchanged('a') : changed));
            reads.push(() => call.answer({ results }));
          },
          answer: () => reads.shift()?.(),
        };
        for (const step of schedule) {
          acts[step]();
          await turn();
        }
        for (const step of ['ask', 'read', 'answer', 'read', 'answer', 'read', 'answer', 'read', 'answer'] as const) {
          acts[step]();
          await turn();
        }
        expect(wrong).toEqual([]);
        expect(confirmed).toBeGreaterThan(0);
      }),
      { numRuns: 50 },
    );
  });

  it('lets one caller go, and keeps the call for the others', async () => {
    const { ask, call, sentNames } = laneTo();
    const one = new AbortController();
    const [gone, stays] = [ask('a', { signal: one.signal }), ask('b')];
    await turn();
    one.abort(new Error('no longer wanted'));
    await expect(gone).rejects.toThrow('no longer wanted');
    expect(call(0).signal.aborted).toBe(false);
    call(0).answer({ results: [unchanged('a'), unchanged('b')] });
    expect(await stays).toEqual(Repo.create({ name: 'b' }));
    expect(sentNames()).toHaveLength(1);
  });

  it('leaves out of a call who has gone before it, and cancels a call that nobody waits for', async () => {
    const { ask, call, sentNames, listeners } = laneTo();
    const [early, late] = [new AbortController(), new AbortController()];
    const answers = Promise.allSettled([ask('a', { signal: early.signal }), ask('b', { signal: late.signal })]);
    early.abort(new Error('early'));
    await turn();
    late.abort(new Error('late'));
    expect((await answers).map(({ status }) => status)).toEqual(['rejected', 'rejected']);
    expect(sentNames()).toEqual([['b']]);
    expect(call(0).signal.aborted).toBe(true);
    await turn();
    expect(listeners).toEqual({ count: 0, idle: 1 });
  });

  it('gives each check up at its own time, sent or not, when the node stands still', async () => {
    const { ask, clock, calls, call, sentNames } = laneTo();
    const ended: string[] = [];
    const timed = (name: string, timeoutMs: number) =>
      void ask(name, { timeoutMs }).then((repo) => ended.push(`${name} ${repo?.name}`));
    for (const [name, timeoutMs] of [
      ['a', 300],
      ['b', 200],
      ['c', 100],
      ['d', 400],
    ] as const) {
      timed(name, timeoutMs);
      await turn();
    }
    expect(sentNames()).toEqual([['a'], ['b']]);
    const seen: string[][] = [];
    for (let step = 0; step < 4; step += 1) {
      clock.advance(99);
      await turn();
      seen.push([...ended]);
      clock.advance(1);
      await turn();
    }
    const [c, b, a, d] = ['c', 'b', 'a', 'd'].map((name) => `${name} undefined`);
    expect(seen).toEqual([[], [c], [c, b], [c, b, a]]);
    expect(ended).toEqual([c, b, a, d]);
    // Nobody waits for the first two any more, so what waited behind them was sent.
    expect(calls.slice(0, 2).map(({ signal }) => signal.aborted)).toEqual([true, true]);
    expect(call(2).names).toEqual(['d']);
  });

  it('keeps the time of all checks with one timer, and none when it has nothing to do', async () => {
    const { ask, clock, call, listeners } = laneTo();
    for (let at = 0; at < 100; at += 1) void ask(`${at}`, { timeoutMs: 1_000 - at });
    await turn();
    expect(clock.pendingTimers()).toBe(1);
    call(0).answer({ results: [] });
    await turn();
    expect(clock.pendingTimers()).toBe(0);
    expect(listeners).toEqual({ count: 0, idle: 1 });
  });

  it.each<[string, (call: SentCall) => void]>([
    ['fails', (call) => call.fail(new StratumError('UNREACHABLE', 'gone', { endpoint: 'one:1' }))],
    ['has too few results', (call) => call.answer({ results: [] })],
    [
      'says of changed refs what repository they are of',
      (call) => call.answer({ results: [{ ...unchanged('a'), unchanged: false }] }),
    ],
  ])('confirms nothing when a call %s', async (_, end) => {
    const { ask, call } = laneTo();
    const answer = ask('a');
    await turn();
    end(call(0));
    expect(await answer).toBeUndefined();
  });

  it('leaves a node that stands still soon after another one has become the primary, for these checks', async () => {
    const { ask, clock, topology, call } = laneTo();
    const ended: string[] = [];
    void ask('a').then(() => ended.push('a'));
    const stays = ask('b', { partition: 1 });
    await turn();
    topology.set(metadataCluster({ m1: 'one:1', m2: 'two:1' }, { primaries: ['m2', 'm1'], epoch: 2n }));
    clock.advance(249);
    await turn();
    expect(ended).toEqual([]);
    clock.advance(1);
    await turn();
    expect(ended).toEqual(['a']);
    call(0).answer({ results: [unchanged('a'), unchanged('b')] });
    expect(await stays).toEqual(Repo.create({ name: 'b' }));
  });

  it('leaves those beyond the first ten thousand that wait to themselves', async () => {
    const { ask, clock } = laneTo();
    for (let at = 0; at < 10_000; at += 1) void ask(`${at}`);
    expect(await ask('beyond')).toBeUndefined();
    expect(clock.pendingTimers()).toBe(1);
  });
});
