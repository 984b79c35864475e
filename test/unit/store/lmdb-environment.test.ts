import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { commit, type LmdbEnvironment, openLmdb } from '../../../src/store/lmdb-environment.ts';
import { temporaryFolder } from './sample-blobs.ts';

const key = Buffer.from('key');

describe('commit', () => {
  let folder: Awaited<ReturnType<typeof temporaryFolder>>;
  let database: LmdbEnvironment;

  beforeEach(async () => {
    folder = await temporaryFolder();
    database = openLmdb(folder.path);
  });
  afterEach(async () => {
    await database.close();
    await folder.remove();
  });

  it('gives the result when the change is there for the next process', async () => {
    const result = await commit(database, 'it', () => {
      void database.put(key, Buffer.from('value'));
      return 7;
    });
    expect(result).toBe(7);
    await database.close();
    database = openLmdb(folder.path);
    expect(database.get(key)?.toString()).toBe('value');
  });

  it('gives the error of work that refuses', async () => {
    const refuse = () => {
      throw new Error('refused');
    };
    await expect(commit(database, 'it', refuse)).rejects.toThrow('refused');
    expect(database.get(key)).toBeUndefined();
  });

  it.each([
    { number: 28, expected: { code: 'DISK_FULL', message: expect.stringContaining('the index') } },
    { number: 5, expected: { code: 5, message: 'LMDB says 5' } },
  ])('looks behind the general error of lmdb-js for error $number', async ({ number, expected }) => {
    // As lmdb-js does it when the disk is full: seen on a small file system of its own.
    const commitError = Promise.reject(Object.assign(new Error(`LMDB says ${number}`), { code: number }));
    const failing = { transaction: () => Promise.reject(Object.assign(new Error('Commit failed'), { commitError })) };
    const broken = Object.assign(Object.create(database), failing) as LmdbEnvironment;
    await expect(commit(broken, 'the index', () => undefined)).rejects.toMatchObject(expected);
  });
});
