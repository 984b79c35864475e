import { describe, expect, it } from 'vitest';
import { ByteReader } from '../../../src/git/byte-reader.ts';
import { encodePkt } from '../../../src/git/pkt-line.ts';
import { advertiseV2, readV2Request } from '../../../src/git/protocol-v2.ts';

/** '|' is a delim, '.' a flush, '!' a response-end; everything else a line. */
function read(...lines: string[]) {
  const special: Readonly<Record<string, string>> = { '|': '0001', '.': '0000', '!': '0002' };
  const bytes = lines.map((line) =>
    special[line] === undefined ? encodePkt(`${line}\n`) : Buffer.from(special[line]),
  );
  return readV2Request(
    new ByteReader(
      (async function* () {
        yield* bytes;
      })(),
    ),
  );
}

describe('readV2Request', () => {
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

describe('advertiseV2', () => {
  it('lists what is served', () => {
    const text = advertiseV2({ agent: 'stratum/1', objectFormat: 'sha1' }).toString();
    expect(text.replaceAll(/[0-9a-f]{4}(?=[a-z])/g, '').split('\n')).toEqual([
      'version 2',
      'agent=stratum/1',
      'ls-refs=unborn',
      'fetch=shallow wait-for-done filter',
      'server-option',
      'object-format=sha1',
      '0000',
    ]);
  });
});
