import { spawnSync } from 'node:child_process';
import { closeSync, openSync } from 'node:fs';
import { join } from 'node:path';
import { describe, expect, it } from 'vitest';

const module = join(import.meta.dirname, '../../../src/telemetry/log.ts');

/** Logs in a process of its own: the log writes to the real stderr. */
function logged(options: string, body: string): string {
  const script = `import { createLog } from '${module}'; const log = createLog(${options}); ${body}`;
  const { stderr, status } = spawnSync(process.execPath, ['--input-type=module', '--eval', script], {
    encoding: 'utf8',
  });
  expect(status).toBe(0);
  return stderr;
}

const json = `{ level: 'info', fields: { node: 'o1' }, pretty: false }`;

describe('the log', () => {
  it('writes one JSON object a line with level, time and the process’s fields', () => {
    const line = logged(json, `log.info({ port: 1 }, 'ready')`);
    expect(JSON.parse(line)).toMatchObject({
      level: 'info',
      node: 'o1',
      port: 1,
      msg: 'ready',
      time: expect.stringMatching(/Z$/),
    });
  });

  it('leaves out what is below its level', () => {
    expect(logged(json, `log.debug({}, 'noise')`)).toBe('');
  });

  it('never writes the values of secret fields', () => {
    const line = logged(
      json,
      `log.child({ a: 1 }).warn({ token: 'hunter2', headers: { authorization: 'hunter2' } }, 'call')`,
    );
    expect(line).not.toContain('hunter2');
    expect(line).toContain('"a":1');
  });

  it('costs its lines and nothing else when its disk is full', () => {
    const full = openSync('/dev/full', 'w');
    const body = `for (let line = 0; line < 5_000; line += 1) log.warn({ line }, 'to a full disk'); console.log('lives');`;
    const script = `import { createLog } from '${module}'; const log = createLog(${json}); ${body}`;
    const { stdout, status } = spawnSync(process.execPath, ['--input-type=module', '--eval', script], {
      encoding: 'utf8',
      stdio: ['ignore', 'pipe', full],
    });
    closeSync(full);
    expect({ stdout, status }).toEqual({ stdout: 'lives\n', status: 0 });
  });

  it('loses no line when the process ends at once', () => {
    expect(logged(json, `log.error({}, 'last words'); process.exit(0)`)).toContain('last words');
  });

  it('is for people when asked to be', () => {
    const line = logged(`{ level: 'info', fields: {}, pretty: true }`, `log.info({}, 'ready')`);
    expect(line).toMatch(/ready/);
    expect(() => JSON.parse(line)).toThrow();
  });
});
