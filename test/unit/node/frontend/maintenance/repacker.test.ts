import { readdirSync } from 'node:fs';
import { join } from 'node:path';
import fc from 'fast-check';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { StratumError } from '../../../../../src/base/errors.ts';
import type { Repacker } from '../../../../../src/node/frontend/maintenance/repacker.ts';
import { pack } from '../../metadata/sample-requests.ts';
import { commit, gitOk, makeWork } from '../frontend-fixture.ts';
import { repoName, type SampleMaintenance, sampleMaintenance } from './sample-maintenance.ts';

let sample: SampleMaintenance;
let work: string;
const signal = new AbortController().signal;
const graceMs = 1_000_000;

beforeEach(async () => {
  sample = await sampleMaintenance();
  work = await makeWork(sample.folder, 1);
  await sample.push(work, { 'refs/heads/main': 'main' });
});
afterEach(() => sample.stop());

const pushMore = (count: number) => sample.pushMany(work, count);

/** A branch that is deleted again: what it alone reached is left over. */
async function leaveBehind(name: string): Promise<string> {
  await gitOk(work, ['checkout', '-q', '-b', name]);
  const tip = await commit(work, `${name}.txt`, `only on ${name}`);
  await sample.push(work, { [`refs/heads/${name}`]: name });
  await gitOk(work, ['checkout', '-q', 'main']);
  await sample.push(work, { [`refs/heads/${name}`]: '' });
  return tip;
}

const run = async (repacker: Repacker, full = false) => {
  const steps: string[] = [];
  const outcome = await repacker.run({ name: repoName, full }, (step) => steps.push(step), signal);
  await repacker.settled();
  return { ...outcome, steps };
};

const kinds = async () =>
  (await sample.listed()).map((pack) =>
    pack.unreachable === true ? 'unreachable' : pack.bitmapOid.length > 0 ? 'bitmap' : 'plain',
  );

describe('Repacker', () => {
  it('makes one pack of nine small ones, with the same objects', async () => {
    await pushMore(8);
    const before = await sample.allObjects();
    const { changed, steps, after } = await run(await sample.repackerIn('f1'));
    expect({ changed, steps, packs: after.packCount }).toEqual({
      changed: true,
      steps: ['fetch', 'repack', 'upload', 'swap'],
      packs: 1n,
    });
    expect(await kinds()).toEqual(['plain']);
    expect(await sample.allObjects()).toEqual(before);
  });

  it('does nothing, and downloads nothing, for few packs', async () => {
    const repacker = await sample.repackerIn('f1');
    expect((await repacker.decide({ name: repoName, full: false }, signal)).plan.kind).toBe('none');
    expect(sample.objects.gets).toBe(0);
  });

  it('when full, separates what no ref reaches, with bitmap, reverse index and the header of a bundle', async () => {
    await pushMore(2);
    await leaveBehind('topic');
    const before = await sample.allObjects();
    await run(await sample.repackerIn('f1'), true);
    expect(await kinds()).toEqual(['bitmap', 'unreachable']);
    const [reached, rest] = await sample.listed();
    expect(reached?.reverseIndexSize).toBeGreaterThan(0n);
    expect(reached?.bundleHeaderSize).toBeGreaterThan(0n);
    expect(rest?.bundleHeaderOid).toBeUndefined();
    expect(rest?.objectCount).toBe(3n);
    expect(await sample.allObjects()).toEqual(before);
  });

  it('keeps what a push brings between the repack and the swap', async () => {
    await pushMore(8);
    let pushed = false;
    sample.metadata.before = async (call) => {
      if (call !== 'replacePacks' || pushed) return;
      pushed = true;
      await pushMore(1);
    };
    const { changed } = await run(await sample.repackerIn('f1'));
    expect({ changed, pushed }).toEqual({ changed: true, pushed: true });
    expect(await kinds()).toEqual(['plain', 'plain']);
    const objects = await sample.allObjects();
    expect(objects).toContain(await gitOk(work, ['rev-parse', 'HEAD']));
  });

  it('takes refs and packs of one moment when a push comes between its reads', async () => {
    await pushMore(1);
    const repacker = await sample.repackerIn('f1');
    let reads = 0;
    sample.metadata.before = async (call) => {
      if (call === 'getRepo') reads += 1;
      // The first is the cache's own.
      if (call === 'getRepo' && reads === 2) await pushMore(1);
    };
    await run(repacker, true);
    expect(await kinds()).toEqual(['bitmap']);
  });

  it('begins again when somebody else has replaced the packs, and ends with the conflict when that goes on', async () => {
    await pushMore(8);
    const others = await Promise.all(['f2', 'f3', 'f4'].map((name) => sample.repackerIn(name)));
    const again: (() => Promise<unknown>)[] = [() => run(others[0] as Repacker)];
    let inside = false;
    sample.metadata.before = async (call) => {
      if (call !== 'replacePacks' || inside) return;
      inside = true;
      await again.shift()?.();
      inside = false;
    };
    const before = await sample.allObjects();
    await run(await sample.repackerIn('f1'), true);
    expect(await kinds()).toEqual(['bitmap']);
    for (const other of others) {
      again.push(async () => {
        await pushMore(1);
        await run(other, true);
      });
    }
    await expect(run(await sample.repackerIn('f5'), true)).rejects.toMatchObject({ code: 'VERSION_CONFLICT' });
    expect(await sample.allObjects()).toEqual(expect.arrayContaining(before));
  });

  it.each(['getRefs', 'getRepo', 'replacePacks', 'upload', 'download'])(
    'leaves the old list when %s fails, and nothing behind',
    async (step) => {
      await pushMore(8);
      const before = await sample.listed();
      const failure = new StratumError('UNREACHABLE', 'cut off', { endpoint: 'm1' });
      const repacker = await sample.repackerIn('f1');
      const { blobs } = sample.objects;
      if (step === 'upload') {
        sample.objects.beforePut = () => {
          throw failure;
        };
      }
      const saved = new Map(blobs);
      if (step === 'download') blobs.clear();
      sample.metadata.before = (call) => {
        if (call === step) throw failure;
      };
      await expect(run(repacker)).rejects.toMatchObject({
        code: step === 'download' ? 'BLOB_NOT_FOUND' : 'UNREACHABLE',
      });
      await repacker.settled();
      sample.metadata.before = () => undefined;
      sample.objects.beforePut = () => undefined;
      for (const [oid, content] of saved) blobs.set(oid, content);
      expect(await sample.listed()).toEqual(before);
      expect(readdirSync(join(sample.folder, 'f1-scratch'))).toEqual([]);
      expect((await run(repacker)).changed).toBe(true);
    },
  );

  it('ends with its signal and leaves the old list', async () => {
    await pushMore(8);
    const before = await sample.listed();
    const repacker = await sample.repackerIn('f1');
    const stopping = new AbortController();
    const onStep = (step: string) => {
      if (step === 'repack') stopping.abort(new Error('the frontend stops'));
    };
    await expect(repacker.run({ name: repoName, full: false }, onStep, stopping.signal)).rejects.toThrow('stops');
    await repacker.settled();
    expect(await sample.listed()).toEqual(before);
    expect(readdirSync(join(sample.folder, 'f1-scratch'))).toEqual([]);
  });

  it('need not download what it has made', async () => {
    await pushMore(8);
    const repacker = await sample.repackerIn('f1');
    await run(repacker);
    sample.objects.gets = 0;
    await run(repacker, true);
    expect(sample.objects.gets).toBe(0);
  });
});

describe('objects that no ref reaches', () => {
  it('are kept for their grace time, and dropped after it', async () => {
    const tip = await leaveBehind('topic');
    const repacker = await sample.repackerIn('f1', graceMs);
    await run(repacker, true);
    sample.clock.advance(graceMs);
    await run(repacker, true);
    expect(await sample.allObjects()).toContain(tip);
    sample.clock.advance(1);
    await run(repacker, true);
    expect(await kinds()).toEqual(['bitmap']);
    const objects = await sample.allObjects();
    expect(objects).not.toContain(tip);
    expect(objects).toContain(await gitOk(work, ['rev-parse', 'main']));
  });

  it('are kept when a ref reaches them again, whatever their age', async () => {
    const tip = await leaveBehind('topic');
    const repacker = await sample.repackerIn('f1', graceMs);
    await run(repacker, true);
    sample.clock.advance(graceMs + 1);
    await sample.push(work, { 'refs/heads/again': tip });
    await run(repacker, true);
    expect(await kinds()).toEqual(['bitmap']);
    expect(await sample.allObjects()).toContain(tip);
  });

  it('are kept when a push that brings no pack leads a ref to them after they were judged', async () => {
    const tip = await leaveBehind('topic');
    const repacker = await sample.repackerIn('f1', graceMs);
    await run(repacker, true);
    sample.clock.advance(graceMs + 1);
    let swaps = 0;
    sample.metadata.before = async (call) => {
      if (call !== 'replacePacks') return;
      swaps += 1;
      if (swaps !== 2) return; // The second is the drop.
      const commands = [{ name: 'refs/heads/again', oldId: '0'.repeat(40), newId: tip, newPeeledId: '' }];
      await sample.calls.updateRefs({ repo: repoName, repoId: sample.repoId, commands });
    };
    await run(repacker, true);
    expect(swaps).toBe(2);
    expect(await kinds()).toEqual(['unreachable', 'bitmap']);
    expect(await sample.allObjects()).toContain(tip);
  });

  it('are kept when the pack list has grown since they were judged, even where no ref has changed', async () => {
    await leaveBehind('topic');
    const repacker = await sample.repackerIn('f1', graceMs);
    await run(repacker, true);
    sample.clock.advance(graceMs + 1);
    const tip = await gitOk(work, ['rev-parse', 'main']);
    sample.metadata.before = async (call) => {
      if (call !== 'replacePacks') return;
      sample.metadata.before = () => undefined;
      const commands = [{ name: 'refs/heads/main', oldId: tip, newId: tip, newPeeledId: '' }];
      await sample.calls.updateRefs({ repo: repoName, repoId: sample.repoId, commands, packs: [pack(77)] });
    };
    await run(repacker, true);
    expect(await kinds()).toEqual(['unreachable', 'plain', 'bitmap']);
  });

  it('are no ground for a push that was checked before they were dropped', async () => {
    const tip = await leaveBehind('topic');
    const repacker = await sample.repackerIn('f1', graceMs);
    await run(repacker, true);
    sample.clock.advance(graceMs + 1);
    const { repo } = await sample.calls.getRepo({ name: repoName });
    await run(repacker, true);
    const commands = [{ name: 'refs/heads/late', oldId: '0'.repeat(40), newId: tip, newPeeledId: '' }];
    const push = { repo: repoName, repoId: sample.repoId, commands, packsGeneration: repo?.packsGeneration };
    await expect(sample.calls.updateRefs(push)).rejects.toMatchObject({ code: 'VERSION_CONFLICT' });
    await sample.allObjects();
  });
});

describe('pushes and maintenance in any order', () => {
  it('never lose an object that a ref reaches, nor any other within its grace time', async () => {
    const step = fc.constantFrom('push', 'branch', 'delete', 'force', 'geometric', 'full', 'push meanwhile', 'wait');
    await fc.assert(
      fc.asyncProperty(fc.array(step, { minLength: 5, maxLength: 14 }), async (steps) => {
        const own = await sampleMaintenance();
        try {
          await play(own, steps);
        } finally {
          own.stop();
        }
      }),
      { numRuns: 4, endOnFailure: true },
    );
  }, 120_000);
});

/** Plays pushes and repacks, and looks at all objects after each repack and at the end. */
async function play(own: SampleMaintenance, steps: readonly string[]): Promise<void> {
  const folder = await makeWork(own.folder, 1);
  await own.push(folder, { 'refs/heads/main': 'main' });
  const repacker = await own.repackerIn('f1', graceMs);
  const branches: string[] = [];
  let files = 0;
  /** Every object that is not older than the grace time since it was last seen pushed. */
  let kept = new Set<string>();
  const pushFile = async (ref: string, revision = 'HEAD') => {
    files += 1;
    if (revision === 'HEAD') await commit(folder, `file-${files}.txt`, `content ${files}`);
    await own.push(folder, { [ref]: revision });
    const lines = await gitOk(folder, ['rev-list', '--objects', '--no-object-names', revision]);
    for (const line of lines.split('\n')) kept.add(line);
  };
  const repack = async (full: boolean) => {
    await repacker.run({ name: repoName, full }, () => undefined, signal);
    await repacker.settled();
    expect(await own.allObjects()).toEqual(expect.arrayContaining([...kept]));
  };
  for (const step of steps) {
    if (step === 'push') await pushFile('refs/heads/main');
    if (step === 'branch') {
      branches.push(`refs/heads/b${files}`);
      await pushFile(`refs/heads/b${files}`);
    }
    if (step === 'delete') {
      const name = branches.pop();
      if (name !== undefined) await own.push(folder, { [name]: '' });
    }
    if (step === 'force') {
      await gitOk(folder, ['commit', '-q', '--amend', '-m', `amended ${files}`]);
      await pushFile('refs/heads/main');
    }
    if (step === 'wait') {
      own.clock.advance(graceMs + 1);
      // What no ref reaches may go from now on.
      const { refs } = await own.calls.getRefs({ repo: repoName });
      const ids = refs.map(({ objectId }) => objectId);
      kept = new Set((await gitOk(folder, ['rev-list', '--objects', '--no-object-names', ...ids])).split('\n'));
    }
    if (step === 'push meanwhile') {
      own.metadata.before = async (call) => {
        if (call !== 'replacePacks') return;
        own.metadata.before = () => undefined;
        await pushFile('refs/heads/main');
      };
      await repack(true);
      own.metadata.before = () => undefined;
    }
    if (step === 'geometric' || step === 'full') await repack(step === 'full');
  }
  await repack(true);
}
