import { existsSync, mkdirSync, mkdtempSync, rmSync, utimesSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { FoundRepositories } from '../../../../../src/node/frontend/repositories/found-repositories.ts';
import { RepositoryState } from '../../../../../src/node/frontend/repositories/repository-state.ts';
import { RecordingLog } from '../frontend-fixture.ts';

let folder: string;
let states: Map<string, RepositoryState>;
let stopping: AbortController;
let busyMax: number;
beforeEach(() => {
  folder = mkdtempSync(join(tmpdir(), 'found-'));
  states = new Map();
  stopping = new AbortController();
  busyMax = 0;
});
afterEach(() => rmSync(folder, { recursive: true, force: true }));

function leave(id: string, usedAtSeconds = 1): string {
  const path = join(folder, `${id}.git`);
  const packs = join(path, 'objects', 'pack');
  mkdirSync(packs, { recursive: true });
  for (const file of ['config', 'HEAD', 'packed-refs']) writeFileSync(join(path, file), 'ten bytes.');
  for (const file of ['pack-a.pack', 'pack-a.idx', 'tmp_pack_1']) writeFileSync(join(packs, file), 'ten bytes.');
  utimesSync(path, usedAtSeconds, usedAtSeconds);
  return path;
}

const busy = () => [...states.values()].filter(({ isIdle }) => !isIdle).length;

async function found(): Promise<FoundRepositories> {
  const onIdle = () => {
    busyMax = Math.max(busyMax, 1 + busy()); // And the one that has ended just now.
  };
  const stateOf = (id: string) => {
    const state = states.get(id) ?? new RepositoryState(id, { folder, usedAtMs: 5 }, { onIdle });
    states.set(id, state);
    return state;
  };
  const repositories = new FoundRepositories(
    { folder },
    { log: new RecordingLog(), stopping: stopping.signal, stateOf },
  );
  await repositories.find();
  return repositories;
}

const stateOf = (id: string): RepositoryState => {
  const state = states.get(id);
  if (state === undefined) throw new Error(`${id} was not found`);
  return state;
};

describe('FoundRepositories', () => {
  it('learns when each was used, and looks into none', async () => {
    const path = leave('a', 1000);
    leave('b', 2000);
    mkdirSync(join(folder, 'notes'));
    await found();
    expect([...states.keys()].toSorted()).toEqual(['a', 'b']);
    expect([stateOf('a').usedAtMs, stateOf('a').usedAtWrittenMs, stateOf('b').usedAtMs]).toEqual([1e6, 1e6, 2e6]);
    expect([stateOf('a').record.bytes, existsSync(join(path, 'objects/pack/tmp_pack_1'))]).toEqual([0, true]);
  });

  it('clears and counts one before it may be held, once for all that ask', async () => {
    const path = leave('a');
    const repositories = await found();
    const first = repositories.examine(stateOf('a'));
    expect(first).toBeDefined();
    expect([repositories.examine(stateOf('a')) === first, stateOf('a').isIdle]).toEqual([true, false]);
    await first;
    expect([stateOf('a').record.bytes, existsSync(join(path, 'objects/pack/tmp_pack_1'))]).toEqual([50, false]);
    expect([repositories.examine(stateOf('a')), stateOf('a').isIdle]).toEqual([undefined, true]);
  });

  it('looks at all in the background, a few at a time, and deletes what evictions left', async () => {
    const ids = Array.from({ length: 60 }, (_, at) => `r${at}`);
    for (const id of ids) leave(id);
    mkdirSync(join(folder, 'x.git.1.evicted', 'objects'), { recursive: true });
    const repositories = await found();
    await repositories.examineAll();
    expect(ids.map((id) => stateOf(id).record.bytes)).toEqual(ids.map(() => 50));
    expect(busyMax).toBe(16);
    expect(existsSync(join(folder, 'x.git.1.evicted'))).toBe(false);
  });

  it('looks at nothing more when the frontend stops', async () => {
    leave('a');
    mkdirSync(join(folder, 'x.git.evicted'));
    const repositories = await found();
    stopping.abort(new Error('stopping'));
    await repositories.examineAll();
    await repositories.examineSome(states.values());
    expect([stateOf('a').record.bytes, existsSync(join(folder, 'x.git.evicted'))]).toEqual([0, true]);
  });

  it('leaves one that has gone, or is no folder, to its first update', async () => {
    const path = leave('a');
    writeFileSync(join(folder, 'b.git'), 'a file');
    const repositories = await found();
    rmSync(path, { recursive: true });
    await repositories.examineAll();
    expect([stateOf('a').record.bytes, stateOf('b').record.bytes, busy()]).toEqual([0, 0, 0]);
  });
});
