import { execFileSync } from 'node:child_process';
import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { describe, expect, it } from 'vitest';
import { encodePkt, readPkts } from '../../../src/git/pkt-line.ts';
import { advertiseV2, parseV2Request } from '../../../src/git/protocol-v2.ts';
import { askRealGit } from './real-upload-pack.ts';

/** '|' is a delim, '.' a flush, '!' a response-end; everything else a line. */
async function read(...lines: string[]) {
  const special: Readonly<Record<string, string>> = { '|': '0001', '.': '0000', '!': '0002' };
  const bytes = lines.map((line) =>
    special[line] === undefined ? encodePkt(`${line}\n`) : Buffer.from(special[line]),
  );
  return parseV2Request(readPkts(Buffer.concat(bytes)));
}

describe('parseV2Request', () => {
  it('reads command, capabilities and arguments', async () => {
    const request = await read(
      'command=ls-refs',
      'agent=git/2.39.5',
      'object-format=sha256',
      'server-option=a=b',
      'server-option=c',
      'session-id=x',
      '|',
      'peel',
      'ref-prefix refs/heads/',
      '.',
    );
    expect(request).toEqual({
      command: 'ls-refs',
      objectFormat: 'sha256',
      agent: 'git/2.39.5',
      serverOptions: ['a=b', 'c'],
      args: ['peel', 'ref-prefix refs/heads/'],
    });
  });

  it('takes a request without arguments, and capabilities before the command', async () => {
    expect(await read('agent=x', 'command=fetch', '.')).toMatchObject({
      command: 'fetch',
      objectFormat: 'sha1',
      args: [],
    });
  });

  it.each(['ls-refs', 'fetch', 'object-info', 'bundle-uri'])('takes the command %s', async (command) => {
    expect(await read(`command=${command}`, '.')).toMatchObject({ command, args: [] });
  });

  it('takes an empty body and a lone flush for no request', async () => {
    expect(await read()).toBeUndefined();
    expect(await read('.')).toBeUndefined();
  });

  it.each([
    [['command=push', '.'], "invalid command 'push'"],
    [['command=fetch', 'command=ls-refs', '.'], "command 'ls-refs' requested after already requesting command 'fetch'"],
    [['agent=x', '.'], 'no command requested'],
    [['|', '.'], 'no command requested'],
    [['command=fetch', 'teleport', '.'], "unknown capability 'teleport'"],
    [['command', '.'], "unknown capability 'command'"],
    [['command=fetch', 'object-format', '.'], 'object-format capability requires an argument'],
    [['command=fetch', 'object-format=md5', '.'], "unknown object format 'md5'"],
    [['command=fetch', '!'], 'unexpected response-end packet'],
    [['command=fetch'], 'the request ends before its flush'],
    [['command=fetch', '|', 'done'], 'the request ends before its flush'],
    [['command=fetch', '|', 'done', '|', '.'], 'expected flush after arguments'],
  ])('refuses %j: %s', async (lines, message) => {
    await expect(read(...lines)).rejects.toMatchObject({ code: 'PROTOCOL_ERROR', message });
  });

  it('shortens what it repeats', async () => {
    await expect(read('x'.repeat(60_000), '.')).rejects.toMatchObject({
      message: expect.stringMatching(/^.{1,300}$/s),
    });
  });
});

/** Without the lengths. */
function linesOf(advertisement: Buffer): string[] {
  return advertisement
    .toString()
    .replaceAll(/[0-9a-f]{4}(?=[a-z])/g, '')
    .split('\n');
}

describe('advertiseV2', () => {
  it('lists what is served', () => {
    expect(linesOf(advertiseV2({ agent: 'stratum/1', objectFormat: 'sha1' }))).toEqual([
      'version 2',
      'agent=stratum/1',
      'ls-refs=unborn',
      'fetch=shallow wait-for-done filter ref-in-want',
      'server-option',
      'object-format=sha1',
      'object-info=size',
      '0000',
    ]);
  });

  it.each([
    [true, ['bundle-uri']],
    [false, []],
  ])('offers bundle-uri when there is a bundle: %j', (hasBundle, expected) => {
    const lines = linesOf(advertiseV2({ agent: 'stratum/1', objectFormat: 'sha256', hasBundle }));
    expect(lines.filter((line) => line.startsWith('bundle'))).toEqual(expected);
  });

  it('is what git advertises with the same settings', () => {
    const ours = linesOf(advertiseV2({ agent: 'x', objectFormat: 'sha1' }));
    const folder = mkdtempSync(join(tmpdir(), 'advertise-'));
    try {
      execFileSync('git', ['init', '-q', '--bare', folder]);
      const real = linesOf(askRealGit(folder, Buffer.alloc(0), '--advertise-refs').stdout);
      // Of object-info, git names since 2.56 what it tells.
      const common = (lines: string[]) => lines.map((line) => line.replace(/^(agent|object-info)=.*/, '$1'));
      expect(common(ours)).toEqual(common(real));
    } finally {
      rmSync(folder, { recursive: true });
    }
  });
});
