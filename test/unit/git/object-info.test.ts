import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { encodeObjectInfo, parseObjectInfo } from '../../../src/git/object-info.ts';
import { gitOk, makeWork } from '../node/frontend/frontend-fixture.ts';
import { askRealGit, rawBody } from './real-upload-pack.ts';

const folder = mkdtempSync(join(tmpdir(), 'object-info-'));
const sizes = new Map<string, number>();
let work = '';
beforeAll(async () => {
  work = await makeWork(folder, 3);
  for (const name of ['HEAD', 'HEAD^{tree}', 'HEAD:file-1.txt']) {
    const id = await gitOk(work, ['rev-parse', name]);
    sizes.set(id, Number(await gitOk(work, ['cat-file', '-s', id])));
  }
});
afterAll(() => rmSync(folder, { recursive: true }));

const missing = 'f'.repeat(40);

function answer(args: readonly string[]): string {
  return Buffer.concat([...encodeObjectInfo(parseObjectInfo(args, 'sha1'), sizes)]).toString();
}

function real(args: readonly string[]) {
  return askRealGit(join(work, '.git'), rawBody('object-info', args));
}

describe('object-info', () => {
  it.each([
    ['sizes', () => ['size', ...[...sizes.keys()].map((id) => `oid ${id}`)]],
    [
      'sizes of what is missing or asked twice',
      () => [...[...sizes.keys(), missing, ...sizes.keys()].map((id) => `oid ${id}`), 'size'],
    ],
    ['no objects', () => ['size']],
    ['nothing', () => []],
  ])('answers %s in the bytes of git', (_, args) => {
    expect(answer(args())).toBe(real(args()).stdout.toString());
  });

  it('tells what is missing apart also without sizes', () => {
    const [present] = sizes.keys();
    // By git's description of the protocol: git 2.39 answers from memory that it has not set, and tells sizes.
    expect(answer([`oid ${present}`, `oid ${missing}`])).toBe(`002c${present}002d${missing} 0000`);
  });

  it.each([
    [['size', 'type']],
    [['oid', 'size']],
    [['oid main']],
    [['size', `oid ${missing.slice(1)}`]],
    [['oid zz', 'teleport']],
  ])('refuses %j in the words of git', (args) => {
    const told = /ERR (.*?)(?=0008size|0000|[0-9a-f]{4}ERR)/s.exec(real(args).stdout.toString())?.[1];
    expect(told).toMatch(/^object-info: /);
    expect(() => parseObjectInfo(args, 'sha1')).toThrow(
      expect.objectContaining({ code: 'PROTOCOL_ERROR', message: told }),
    );
  });

  it('shortens what it repeats', () => {
    expect(() => parseObjectInfo(['x'.repeat(60_000)], 'sha1')).toThrow(/^.{1,300}$/s);
    expect(() => parseObjectInfo([`oid ${'x'.repeat(60_000)}`], 'sha1')).toThrow(/^.{1,300}$/s);
  });
});
