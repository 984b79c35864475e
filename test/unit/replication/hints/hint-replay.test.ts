import { join } from 'node:path';
import fc from 'fast-check';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { StratumError } from '../../../../src/base/errors.ts';
import { oidOf, parseOid } from '../../../../src/base/oid.ts';
import { KiB } from '../../../../src/base/units.ts';
import { HintLog } from '../../../../src/replication/hints/hint-log.ts';
import { HintReplay, type HintReplayOptions } from '../../../../src/replication/hints/hint-replay.ts';
import type { GapReason } from '../../../../src/replication/replica-gaps.ts';
import type { NodeState, Topology } from '../../../../src/topology/topology.ts';
import { type ManualClock, manualClock } from '../../base/manual-clock.ts';
import { type RecordingLog, recordingLog } from '../../base/recording-log.ts';
import { temporaryFolder } from '../../store/sample-blobs.ts';
import { GapNode } from '../gap-node.ts';
import { healthy, ringOf, topologyOf } from '../sample-ring.ts';
import { directoryOf, hang } from '../scripted-node.ts';

/** The replay of one process, with three nodes around it. */
class Scene {
  readonly clock: ManualClock = manualClock();
  readonly log: RecordingLog = recordingLog();
  readonly topology: ReturnType<typeof topologyOf>;
  readonly nodes = [new GapNode('o1'), new GapNode('o2'), new GapNode('o3')] as const;
  readonly path: string;
  hints: HintLog;
  replay: HintReplay;
  readonly #options: HintReplayOptions;

  constructor(path: string, first: Topology | undefined, options: HintReplayOptions) {
    this.path = path;
    this.#options = options;
    this.topology = topologyOf(first);
    [this.hints, this.replay] = this.#make();
  }

  async start(): Promise<void> {
    await this.hints.start();
    await this.replay.start();
  }

  async stop(): Promise<void> {
    await this.replay.stop();
    await this.hints.stop();
  }

  async restart(): Promise<void> {
    await this.stop();
    [this.hints, this.replay] = this.#make();
    await this.start();
  }

  /** Content that every node has but one, and a hint for that one. */
  miss(content: Buffer, nodeId = 'o1', reason: GapReason = 'MISSED_WRITE') {
    for (const node of this.nodes) if (node.nodeId !== nodeId) node.hold(content);
    const gap = { oid: oidOf(content), size: content.length, nodeId };
    this.hints.note(gap, reason);
    return gap.oid;
  }

  /** Lets the work go on until this is so; time passes only by `advanceMs` a turn. */
  async until(isSo: () => boolean, advanceMs = 0): Promise<void> {
    for (let turn = 0; !isSo(); turn += 1) {
      if (turn > 5_000) throw new Error(`it did not come to it: ${JSON.stringify(this.log.lines.slice(-5))}`);
      await this.hints.flush(); // The disk is real, and time must not run on while it works.
      await new Promise((resolve) => setImmediate(resolve));
      this.clock.advance(advanceMs);
    }
  }

  messages(message: string) {
    return this.log.lines.filter((line) => line.message.includes(message));
  }

  #make(): [HintLog, HintReplay] {
    const { clock, log, topology } = this;
    const hints = new HintLog({ path: this.path }, { clock, log });
    const nodes = directoryOf(...this.nodes);
    const random = { next: () => 0.5, bytes: (length: number) => Buffer.alloc(length) };
    return [hints, new HintReplay(this.#options, { hints, topology, nodes, clock, random, log })];
  }
}

const content = Buffer.from('a blob that a node has missed');
const withO1 = (state: NodeState) => ringOf({ ...healthy, o1: state });

let folder: Awaited<ReturnType<typeof temporaryFolder>>;
let scene: Scene;
let runs = 0;

async function begin(first: Topology | undefined = ringOf(healthy), options: HintReplayOptions = {}): Promise<Scene> {
  runs += 1;
  scene = new Scene(join(folder.path, `hints-${runs}`), first, options);
  await scene.start();
  return scene;
}

beforeEach(async () => {
  folder = await temporaryFolder();
});
afterEach(async () => {
  await scene.stop();
  await folder.remove();
});

describe('the replay of hints', () => {
  it('brings a node what it missed, as soon as that is noted', async () => {
    const { hints, nodes, log } = await begin();
    const oid = scene.miss(content);
    await scene.until(() => hints.stats().replayed === 1);
    expect(nodes[0].isSound(oid)).toBe(true);
    expect(hints.stats()).toMatchObject({ pending: 0, bytes: 0, dropped: 0 });
    await scene.until(() => scene.messages('ends').length === 1);
    expect(log.lines.filter(({ level }) => level === 'info').map(({ fields }) => fields)).toEqual([
      { peer: 'o1', hints: 1 },
      { peer: 'o1', replayed: 1, needless: 0, lost: 0 },
    ]);
  });

  it.each(['JOINING', 'SUSPECT', 'DRAINING', 'DOWN'] as const)('waits while a node is %s', async (state) => {
    const { hints, nodes, topology, clock } = await begin(withO1(state));
    scene.miss(content);
    scene.miss(Buffer.from('another'), 'o2');
    await scene.until(() => hints.stats().replayed === 1);
    clock.advance(600_000);
    await hints.flush();
    expect([nodes[0].asked, hints.countOf('o1')]).toEqual([[], 1]);
    topology.set(withO1('ACTIVE'));
    await scene.until(() => hints.stats().replayed === 2);
  });

  it('waits for a first topology, and for a ring', async () => {
    const { hints, topology, nodes } = await begin(undefined);
    scene.topology.set({ ...ringOf(healthy), ring: { ...ringOf(healthy).ring, epoch: 0n } });
    scene.miss(content);
    await hints.flush();
    await new Promise((resolve) => setImmediate(resolve));
    expect(nodes[0].asked).toEqual([]);
    topology.set(ringOf(healthy));
    await scene.until(() => hints.stats().replayed === 1);
  });

  it('goes on after a restart of the process', async () => {
    await begin(withO1('DOWN'));
    const oid = scene.miss(content);
    await scene.hints.flush();
    await scene.restart();
    scene.topology.set(withO1('ACTIVE'));
    await scene.until(() => scene.hints.stats().replayed === 1);
    expect(scene.nodes[0].isSound(oid)).toBe(true);
  });

  it('drops what the node has by now, without sending it', async () => {
    const { hints, nodes, topology } = await begin(withO1('DOWN'));
    const oid = scene.miss(content);
    nodes[0].hold(content);
    topology.set(withO1('ACTIVE'));
    await scene.until(() => scene.messages('ends').length === 1);
    expect(scene.messages('ends')[0]?.fields).toEqual({ peer: 'o1', replayed: 0, needless: 1, lost: 0 });
    expect([hints.stats().pending, nodes[0].messages, nodes[0].isSound(oid)]).toEqual([0, [], true]);
  });

  it.each([
    { what: 'the ring has changed', next: ringOf({ o2: 'ACTIVE', o3: 'ACTIVE', o4: 'ACTIVE' }) },
    { what: 'the node was evicted and is DOWN', next: { ...withO1('DOWN'), ring: ringOf({ o2: 'ACTIVE' }).ring } },
  ])('drops the hints of a node that a blob no longer belongs to: $what', async ({ next }) => {
    const { hints, nodes, topology, clock } = await begin(withO1('DOWN'));
    scene.miss(content);
    await hints.flush();
    topology.set(next);
    await scene.until(() => hints.stats().pending === 0, 1_000);
    expect([nodes[0].asked, nodes[0].messages]).toEqual([[], []]);
    expect(clock.monotonicMs()).toBeGreaterThanOrEqual(300_000);
  });

  it.each([
    { what: 'of the ring', without: ringOf({ o2: 'ACTIVE', o3: 'ACTIVE', o4: 'ACTIVE' }) },
    {
      what: 'of the registered nodes',
      without: { ...ringOf(healthy), nodes: ringOf({ o2: 'ACTIVE', o3: 'ACTIVE' }).nodes },
    },
  ])('keeps the hints of a node that is out $what for a moment', async ({ without }) => {
    const { hints, nodes, topology, clock } = await begin(withO1('DOWN'));
    const oid = scene.miss(content);
    await hints.flush();
    topology.set(without);
    for (let turn = 0; turn < 20; turn += 1) {
      clock.advance(10_000);
      await hints.flush();
      await new Promise((resolve) => setImmediate(resolve));
    }
    expect(hints.countOf('o1')).toBe(1);
    topology.set(withO1('ACTIVE'));
    await scene.until(() => hints.stats().replayed === 1);
    expect(nodes[0].isSound(oid)).toBe(true);
  });

  it('renews the age of a copy whose renewal was missed', async () => {
    const { hints, nodes, topology, clock } = await begin(withO1('DOWN'));
    const oid = scene.miss(content);
    nodes[0].hold(content);
    nodes[0].storedAtMs.set(oid, clock.nowMs() - 1);
    await hints.flush();
    topology.set(withO1('ACTIVE'));
    await scene.until(() => hints.stats().replayed === 1);
    expect(nodes[0].messages).toEqual([[oid]]);
  });

  it('steps over a hint that its node cannot store, and comes back to it', async () => {
    const { hints, nodes, topology } = await begin(withO1('DOWN'));
    const oids = Array.from({ length: 1_300 }, (_, index) => scene.miss(Buffer.from(`blob ${index}`)));
    await hints.flush();
    const failure = new StratumError('INTERNAL', 'ENOTDIR: not a directory');
    nodes[0].beforeTake = (oid) => (oid === oids[0] ? failure : undefined);
    topology.set(withO1('ACTIVE'));
    await scene.until(() => hints.stats().replayed === 1_299);
    expect(nodes[0].messages.filter((message) => message.includes(oids[0] ?? oidOf(content)))).toHaveLength(1);
    await scene.until(() => scene.messages('failed').length === 1);
    expect(scene.messages('failed')[0]?.fields).toMatchObject({ peer: 'o1', error: 'ENOTDIR: not a directory' });
    nodes[0].beforeTake = () => undefined;
    await scene.until(() => hints.stats().pending === 0, 100);
    expect(nodes[0].isSound(oids[0] ?? oidOf(content))).toBe(true);
  });

  it('drops what no other node has any more, and logs it', async () => {
    const { hints, nodes } = await begin(withO1('DOWN'));
    const oid = scene.miss(content);
    await hints.flush();
    for (const node of nodes) node.blobs.clear();
    scene.topology.set(withO1('ACTIVE'));
    await scene.until(() => hints.stats().pending === 0);
    expect(scene.log.lines).toContainEqual({
      level: 'warn',
      fields: { peer: 'o1', oid },
      message: `no other node holds blob ${oid}`,
    });
    expect(hints.stats()).toMatchObject({ dropped: 1, replayed: 0 });
  });

  it('heals a copy that is corrupt without its node’s knowing', async () => {
    const { hints, nodes } = await begin();
    nodes[0].hold(content);
    nodes[0].damaged.add(oidOf(content));
    scene.miss(content, 'o1', 'CORRUPT');
    await scene.until(() => hints.stats().replayed === 1);
    expect(nodes[0].isSound(oidOf(content))).toBe(true);
  });

  it('keeps a hint while no sound copy can be read, and tries again after a growing pause', async () => {
    const { hints, nodes, clock } = await begin(withO1('DOWN'));
    const oid = scene.miss(content);
    await hints.flush();
    for (const node of nodes.slice(1)) node.damaged.add(oid);
    scene.topology.set(withO1('ACTIVE'));
    const pauses: unknown[] = [];
    for (const failures of [1, 2, 3]) {
      await scene.until(() => scene.messages('failed').length === failures);
      pauses.push(scene.messages('failed').at(-1)?.fields.pauseMs);
      expect([nodes[0].blobs.size, hints.countOf('o1')]).toEqual([0, 1]);
      clock.advance(Number(pauses.at(-1)));
    }
    expect(pauses).toEqual([750, 1_500, 3_000]);
    expect(scene.messages('failed').map(({ level }) => level)).toEqual(['warn', 'debug', 'debug']);
    nodes[1].damaged.delete(oid);
    await scene.until(() => hints.stats().replayed === 1, 1_000);
    expect(nodes[0].isSound(oid)).toBe(true);
  });

  it('lets a node whose disk is full be for longer, while others get theirs', async () => {
    const { hints, nodes } = await begin();
    nodes[0].beforePut = () => {
      throw new StratumError('DISK_FULL', 'full', { what: 'free disk', limit: 0n });
    };
    const oid = scene.miss(content);
    scene.miss(Buffer.from('another'), 'o2');
    await scene.until(() => hints.stats().replayed === 1 && scene.messages('failed').length === 1);
    expect(scene.messages('failed')[0]?.fields).toMatchObject({ peer: 'o1', pauseMs: 22_500 });
    nodes[0].beforePut = () => undefined;
    await scene.until(() => hints.stats().replayed === 2, 1_000);
    expect([nodes[0].isSound(oid), hints.stats().pending]).toEqual([true, 0]);
  });

  it('tries a node that comes back at once, though it had failed before', async () => {
    const { hints, nodes, topology, clock } = await begin();
    nodes[0].beforeHas = () => {
      throw new StratumError('UNREACHABLE', 'gone', { endpoint: 'o1:1' });
    };
    scene.miss(content);
    for (let flap = 1; flap <= 6; flap += 1) {
      await scene.until(() => scene.messages('failed').length === flap);
      topology.set(withO1('DOWN'));
      topology.set(withO1('ACTIVE'));
    }
    nodes[0].beforeHas = () => undefined;
    await scene.until(() => scene.messages('failed').length === 7 || hints.stats().replayed === 1);
    topology.set(withO1('SUSPECT'));
    topology.set(withO1('ACTIVE'));
    await scene.until(() => hints.stats().replayed === 1);
    expect(clock.monotonicMs()).toBe(0);
  });

  it('ends the calls to a node that never answers, and gives the others their turns meanwhile', async () => {
    const { hints, nodes } = await begin();
    nodes[0].beforeHas = hang;
    scene.miss(content);
    await scene.until(() => nodes[0].asked.length === 1);
    scene.miss(Buffer.from('another'), 'o2');
    await scene.until(() => hints.stats().replayed === 1);
    await scene.until(() => scene.messages('failed').length === 1, 1_000);
    expect(scene.messages('failed')[0]?.fields.error).toContain('10000 ms');
  });

  it('replays more than one page, the oldest first, past what cannot be read', async () => {
    const { hints, nodes, topology } = await begin(withO1('DOWN'));
    const oids = Array.from({ length: 1_300 }, (_, index) => scene.miss(Buffer.from(`blob ${index}`)));
    await hints.flush();
    for (const node of nodes.slice(1)) node.damaged.add(oids[3] ?? oidOf(content));
    topology.set(withO1('ACTIVE'));
    await scene.until(() => hints.stats().replayed === 1_299);
    const order = nodes[0].messages.flat().map((oid) => oids.indexOf(oid));
    expect(order.every((index, at) => Math.abs(index - at) <= 512)).toBe(true);
    expect(hints.stats().pending).toBe(1);
    for (const node of nodes.slice(1)) node.damaged.clear();
    await scene.until(() => hints.stats().pending === 0, 1_000);
    expect(oids.every((oid) => nodes[0].isSound(oid))).toBe(true);
  });

  it('drops what grows too old while its node is away', async () => {
    const { hints, clock } = await begin(withO1('DOWN'));
    scene.miss(content);
    await hints.flush();
    clock.advance(3 * 3_600_000 + 1);
    await scene.until(() => hints.stats().pending === 0, 1_000);
    expect(hints.stats().dropped).toBe(1);
  });

  it('drops what has grown too old when its node comes back, and does not turn in circles', async () => {
    const { hints, clock, nodes, topology } = await begin(withO1('DOWN'));
    scene.miss(content);
    await hints.flush();
    clock.advance(3 * 3_600_000 - 10_000);
    for (let turn = 0; turn < 3; turn += 1) await new Promise((resolve) => setImmediate(resolve));
    clock.advance(10_001);
    topology.set(withO1('ACTIVE'));
    await scene.until(() => hints.stats().pending === 0);
    expect([nodes[0].asked, hints.stats().dropped]).toEqual([[], 1]);
  });

  it('closes new gaps at once while an older one waits for a source', async () => {
    const { hints, nodes, clock } = await begin(withO1('DOWN'));
    const oid = scene.miss(content);
    await hints.flush();
    for (const node of nodes.slice(1)) node.damaged.add(oid);
    scene.topology.set(withO1('ACTIVE'));
    await scene.until(() => scene.messages('failed').length === 1);
    const later = scene.miss(Buffer.from('another'));
    await scene.until(() => hints.stats().replayed === 1);
    await scene.until(() => scene.hints.countOf('o1') === 1);
    for (let turn = 0; turn < 5; turn += 1) await new Promise((resolve) => setImmediate(resolve));
    expect([nodes[0].isSound(later), clock.monotonicMs()]).toEqual([true, 0]);
    expect(nodes[0].asked.map(({ oids }) => oids)).toEqual([[oid], [later]]);
    for (const node of nodes.slice(1)) node.damaged.delete(oid);
    clock.advance(750);
    await scene.until(() => hints.stats().replayed === 2);
  });

  it('begins with the shortest pause again when a node has done what it was asked', async () => {
    const { hints, nodes, topology } = await begin(withO1('DOWN'));
    for (let index = 0; index < 1_300; index += 1) scene.miss(Buffer.from(`blob ${index}`));
    await hints.flush();
    nodes[0].beforePut = () => {
      const isWell = scene.messages('failed').length === 2 && nodes[0].blobs.size < 512;
      if (!isWell) throw new StratumError('UNREACHABLE', 'gone', { endpoint: 'o1:1' });
    };
    topology.set(withO1('ACTIVE'));
    await scene.until(() => scene.messages('failed').length === 3, 100);
    expect(scene.messages('failed').map(({ fields }) => fields.pauseMs)).toEqual([750, 1_500, 750]);
    nodes[0].beforePut = () => undefined;
    await scene.until(() => hints.stats().pending === 0, 100);
  });

  it('sends no more bytes a second than it may', async () => {
    const { hints, clock } = await begin(ringOf(healthy), { bytesPerSecond: 640 * KiB });
    for (let index = 0; index < 5; index += 1) scene.miss(Buffer.alloc(320 * KiB, `blob ${index}`));
    for (let index = 0; index < 20; index += 1) scene.miss(Buffer.alloc(32 * KiB, `small ${index}`));
    await scene.until(() => hints.stats().pending === 0 && hints.stats().replayed === 25, 10);
    // 2,240 KiB less the second’s worth that passes at once.
    expect(clock.monotonicMs()).toBeGreaterThanOrEqual(2_500);
    expect(clock.monotonicMs()).toBeLessThan(4_000);
  });

  it('stops in mid-replay: what was copied is settled, what was not is kept', async () => {
    const { hints, nodes } = await begin();
    nodes[0].beforePut = () => (nodes[0].messages.length > 1 ? hang() : undefined);
    for (let index = 0; index < 400; index += 1) scene.miss(Buffer.from(`blob ${index}`));
    await scene.until(() => nodes[0].messages.length > 1);
    await scene.replay.stop();
    const copied = nodes[0].blobs.size;
    expect(hints.stats()).toMatchObject({ replayed: copied, pending: 400 - copied });
    expect(scene.clock.pendingTimers()).toBe(0);
    expect(hints.page('o1', 0n, 1_000, 1_000_000).every(({ attempts }) => attempts === 0)).toBe(true);
  });

  it('never loses a hint that it has not closed and never copies a wrong byte, whatever happens', async () => {
    const state = fc.constantFrom<NodeState>('ACTIVE', 'ACTIVE', 'DOWN', 'SUSPECT');
    const step = fc.oneof(
      { weight: 5, arbitrary: fc.record({ do: fc.constant('miss' as const), seed: fc.nat(40), large: fc.boolean() }) },
      { weight: 2, arbitrary: fc.record({ do: fc.constant('damage' as const), seed: fc.nat(40), node: fc.nat(2) }) },
      {
        weight: 3,
        arbitrary: fc.record({ do: fc.constant('states' as const), states: fc.tuple(state, state, state) }),
      },
      { weight: 2, arbitrary: fc.record({ do: fc.constant('refuse' as const), node: fc.nat(2), ends: fc.boolean() }) },
      { weight: 1, arbitrary: fc.record({ do: fc.constant('restart' as const) }) },
      { weight: 2, arbitrary: fc.record({ do: fc.constant('time' as const), ms: fc.nat(20_000) }) },
    );
    const blob = (seed: number, large: boolean) => Buffer.alloc(large ? 70_000 + seed : 20 + seed, `blob ${seed} `);
    await fc.assert(
      fc.asyncProperty(fc.array(step, { maxLength: 30 }), async (steps) => {
        const { nodes, topology, clock } = await begin();
        const missing = new Set<string>();
        try {
          for (const each of steps) {
            if (each.do === 'miss') {
              const missed = blob(each.seed, each.large);
              const oid = oidOf(missed);
              const isNew = !nodes.some((node) => node.blobs.has(oid));
              const nodeId = `o${(each.seed % 3) + 1}`;
              if (isNew) scene.miss(missed, nodeId);
              await scene.hints.flush();
              if (isNew) missing.add(`${nodeId}/${oid}`);
            } else if (each.do === 'damage') {
              for (const large of [true, false]) nodes[each.node]?.damaged.add(oidOf(blob(each.seed, large)));
            } else if (each.do === 'states') {
              const [o1, o2, o3] = each.states;
              topology.set(ringOf({ o1, o2, o3 }));
            } else if (each.do === 'refuse') {
              const node = nodes[each.node] ?? nodes[0];
              node.beforePut = () => {
                if (!each.ends) throw new StratumError('UNREACHABLE', 'gone', { endpoint: node.endpoint });
              };
            } else if (each.do === 'restart') {
              await scene.restart();
            } else {
              clock.advance(each.ms);
            }
            for (let turn = 0; turn < 3; turn += 1) await new Promise((resolve) => setImmediate(resolve));
            for (const key of missing) {
              const [nodeId = '', oid = ''] = key.split('/');
              const node = nodes.find((one) => one.nodeId === nodeId);
              const isKept = scene.hints
                .page(nodeId, 0n, 1_000, Number.POSITIVE_INFINITY)
                .some((hint) => hint.oid === oid);
              expect(isKept || node?.blobs.has(parseOid(oid))).toBe(true);
            }
            for (const node of nodes) for (const [oid, bytes] of node.blobs) expect(oidOf(bytes)).toBe(oid);
          }
          // When all is well at last, all gaps close.
          for (const node of nodes) {
            node.damaged.clear();
            node.beforePut = () => undefined;
          }
          topology.set(ringOf({ o1: 'DOWN', o2: 'DOWN', o3: 'DOWN' }));
          topology.set(ringOf(healthy));
          await scene.until(() => scene.hints.stats().pending === 0, 500);
          expect(
            [...missing].every((key) =>
              nodes.find(({ nodeId }) => key.startsWith(nodeId))?.isSound(parseOid(key.slice(3))),
            ),
          ).toBe(true);
        } finally {
          await scene.stop();
        }
      }),
      { numRuns: 25 },
    );
  });
});
