import { existsSync, mkdtempSync, rmSync, truncateSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { errorIn, lastLines, readError, rotateLog } from '../../../../src/cli/local-cluster/log-tail.ts';

let folder: string;
let log: string;
beforeEach(() => {
  folder = mkdtempSync(join(tmpdir(), 'stratum-log-'));
  log = join(folder, 'node.log');
});
afterEach(() => rmSync(folder, { recursive: true }));

describe('the last lines of a log', () => {
  it('are its end, without empty ones', async () => {
    writeFileSync(log, `${'x'.repeat(100_000)}\none\n\ntwo\nthree\n`);
    expect(await lastLines(log, 2)).toEqual(['two', 'three']);
  });

  it('are none when there is no log', async () => {
    expect(await lastLines(log, 2)).toEqual([]);
  });
});

describe('a log that has grown too large', () => {
  it('is set aside', async () => {
    writeFileSync(log, '');
    await rotateLog(log);
    expect(existsSync(log)).toBe(true);
    truncateSync(log, 17 * 1024 * 1024);
    await rotateLog(log);
    expect(existsSync(log)).toBe(false);
    expect(existsSync(`${log}.1`)).toBe(true);
    await rotateLog(log);
  });
});

describe('the error in a log', () => {
  const line = '{"kind":"Error","code":"PORT_IN_USE","message":"taken","hint":"another one"}';
  it('is the last one that can be read', () => {
    expect(
      errorIn(['{"kind":"Error","code":"INTERNAL","message":"older"}', line, '{"kind":"Error","co', 'x']),
    ).toMatchObject({
      code: 'PORT_IN_USE',
      message: 'taken',
      hint: 'another one',
    });
    expect(errorIn(['{"level":"info","msg":"started"}'])).toBeUndefined();
  });

  it.each([null, 5, {}, { code: 'NO_SUCH_CODE', message: 'x' }, { code: 'INTERNAL' }])('is not made of %j', (value) => {
    expect(readError(value)).toBeUndefined();
  });
});
