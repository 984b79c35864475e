import { existsSync, mkdirSync, mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { RepositoryRoom } from '../../../../../src/node/frontend/repositories/repository-room.ts';
import { RepositoryState } from '../../../../../src/node/frontend/repositories/repository-state.ts';
import type { DiskRoom } from '../../../../../src/store/disk-space.ts';
import { RecordingLog } from '../frontend-fixture.ts';

let folder: string;
let states: Map<string, RepositoryState>;
let looks: number;
beforeEach(() => {
  folder = mkdtempSync(join(tmpdir(), 'room-'));
  states = new Map();
  looks = 0;
});
afterEach(() => rmSync(folder, { recursive: true, force: true }));

/** A repository of ten bytes, used after all that there are. */
async function add(id: string): Promise<RepositoryState> {
  const state = new RepositoryState(id, { folder, usedAtMs: 0 }, { onIdle: () => undefined });
  state.useOrder = 1 + Math.max(0, ...[...states.values()].map(({ useOrder }) => useOrder));
  mkdirSync(state.path, { recursive: true });
  writeFileSync(join(state.path, 'file'), 'ten bytes.');
  await state.record.note(['file']);
  states.set(id, state);
  return state;
}

/** Keeps ten bytes of the disk free. */
function roomOn(
  measure: () => DiskRoom,
  examine: (state: RepositoryState) => Promise<void> | undefined = () => undefined,
) {
  const measureDisk = async () => {
    looks += 1;
    return measure();
  };
  const options = { folder, bytesMax: 1e9, freeBytesMin: 10, freePartMin: 0 };
  return new RepositoryRoom(options, { log: new RecordingLog(), states, measureDisk, examine });
}

const full = { freeBytes: 1, capacityBytes: 1e6 };
const roomy = { freeBytes: 1e5, capacityBytes: 1e6 };

describe('RepositoryRoom', () => {
  it('leaves a repository alone that was evicted beside it and came again', async () => {
    await add('a');
    const b = await add('b');
    await add('c');
    const { promise: examined, resolve } = Promise.withResolvers<void>();
    const atA = Promise.withResolvers<void>();
    const room = roomOn(
      () => ({ ...full, freeBytes: -100 }),
      (state) => {
        if (state.id !== 'a') return undefined;
        atA.resolve();
        return examined;
      },
    );
    const making = room.make(0); // Of its own list: a, then b.
    await atA.promise;
    expect(await room.evict(b)).toBe(true);
    const again = await add('b');
    resolve();
    await making;
    expect([...states.values()].includes(again)).toBe(true);
    expect(existsSync(join(again.path, 'file'))).toBe(true);
    expect(await room.evict(b)).toBe(false);
    expect([states.get('b') === again, existsSync(again.path), states.has('a')]).toEqual([true, true, false]);
  });

  it('takes no more for two that want room at once than both need', async () => {
    const [a, b, c] = [await add('a'), await add('b'), await add('c')];
    const room = roomOn(() => (existsSync(a.path) ? full : roomy));
    await Promise.all([room.make(1), room.make(1)]);
    expect([a, b, c].map(({ path }) => existsSync(path))).toEqual([false, true, true]);
    expect([looks, room.evictions, room.bytes]).toEqual([2, 1, 20]);
  });

  it('looks once for all that ask while one waits for its turn', async () => {
    const room = roomOn(() => roomy);
    await Promise.all(Array.from({ length: 100 }, () => room.make(0)));
    expect(looks).toBe(1);
    await room.make(0);
    expect(looks).toBe(2);
  });

  it('goes on after a look at the disk that failed', async () => {
    let fails = true;
    const room = roomOn(() => {
      if (fails) throw new Error('no such device');
      return roomy;
    });
    await expect(room.make(1)).rejects.toThrow('no such device');
    await expect(room.make(0)).rejects.toThrow('no such device');
    fails = false;
    await room.make(0);
    expect(looks).toBe(3);
  });

  it('reckons with a size that it learns on its way, and takes nothing that somebody used meanwhile', async () => {
    const [a, b, c, d] = [await add('a'), await add('b'), await add('c'), await add('d')];
    b.record.clear();
    const room = roomOn(
      () => full,
      async (state) => {
        if (state === a) a.useOrder = 100;
        if (state === b) await b.record.note(['file']);
      },
    );
    await room.make(0);
    expect([a, b, c, d].map(({ path }) => existsSync(path))).toEqual([true, false, true, true]);
  });
});
