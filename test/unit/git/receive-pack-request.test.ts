import { describe, expect, it } from 'vitest';
import { ByteReader } from '../../../src/git/byte-reader.ts';
import { encodePkt } from '../../../src/git/pkt-line.ts';
import { pushOptionsMax, readReceivePackRequest } from '../../../src/git/receive-pack-request.ts';

const [zero, a, b] = ['0', 'a', 'b'].map((digit) => digit.repeat(40)) as [string, string, string];
const flush = '0000';

function reader(...parts: (string | Buffer)[]) {
  const bytes = parts.map((part) => (part === flush || part === '0001' ? Buffer.from(part) : part));
  return new ByteReader(
    (async function* () {
      for (const part of bytes) yield typeof part === 'string' ? encodePkt(part) : part;
    })(),
  );
}

describe('readReceivePackRequest', () => {
  it('reads commands and capabilities and leaves the pack to the reader', async () => {
    const capabilities = 'report-status-v2 side-band-64k atomic quiet object-format=sha1 agent=git/2.39.5 novelty';
    const source = reader(
      `${zero} ${a} refs/heads/main\0 ${capabilities}`,
      `${a} ${b} refs/heads/x y\n`,
      flush,
      Buffer.from('PACKdata'),
    );
    expect(await readReceivePackRequest(source)).toEqual({
      commands: [
        { oldId: zero, newId: a, name: 'refs/heads/main' },
        { oldId: a, newId: b, name: 'refs/heads/x y' },
      ],
      objectFormat: 'sha1',
      report: 'v2',
      sideband: true,
      atomic: true,
      quiet: true,
      agent: 'git/2.39.5',
      pushOptions: [],
      shallowIds: [],
      hasPack: true,
    });
    expect((await source.read(8))?.toString()).toBe('PACKdata');
  });

  it('reads push options and shallow lines', async () => {
    const source = reader(
      `shallow ${a}`,
      `${zero} ${b} refs/heads/m\0push-options report-status`,
      flush,
      'ci.skip',
      flush,
    );
    expect(await readReceivePackRequest(source)).toMatchObject({
      pushOptions: ['ci.skip'],
      shallowIds: [a],
      report: 'v1',
      sideband: false,
    });
  });

  it('expects no pack when everything is deleted', async () => {
    expect(await readReceivePackRequest(reader(`${a} ${zero} refs/heads/m\0report-status`, flush))).toMatchObject({
      hasPack: false,
    });
  });

  it.each([[[]], [[flush]]])('takes %j, a probe, for a push without commands', async (parts) => {
    expect(await readReceivePackRequest(reader(...parts))).toMatchObject({ commands: [], hasPack: false });
  });

  it('reads ids of the format that is negotiated', async () => {
    const [old, next] = ['0'.repeat(64), 'c'.repeat(64)];
    const source = reader(`${old} ${next} refs/heads/m\0object-format=sha256`, flush);
    expect(await readReceivePackRequest(source)).toMatchObject({ objectFormat: 'sha256', hasPack: true });
  });

  it.each([
    ['a command without a name', [`${zero} ${a}`, flush], 'PROTOCOL_ERROR', 'expected old/new/ref'],
    [
      'an id of the wrong length',
      [`${zero} ${a.slice(1)} refs/heads/m`, flush],
      'PROTOCOL_ERROR',
      'expected old/new/ref',
    ],
    ['an id in capitals', [`${zero} ${a.toUpperCase()} refs/heads/m`, flush], 'PROTOCOL_ERROR', 'expected old/new/ref'],
    ['words', ['give me all', flush], 'PROTOCOL_ERROR', "got 'give me all'"],
    ['no flush', [`${zero} ${a} refs/heads/m`], 'PROTOCOL_ERROR', 'before the flush after its commands'],
    ['a delim', [`${zero} ${a} refs/heads/m`, '0001'], 'PROTOCOL_ERROR', 'unexpected delim packet'],
    ['a bad shallow line', ['shallow me', `${zero} ${a} refs/heads/m`, flush], 'PROTOCOL_ERROR', "got 'me'"],
    ['no flush after push options', [`${zero} ${a} r/m\0push-options`, flush, 'x'], 'PROTOCOL_ERROR', 'push options'],
    ['an unknown format', [`${zero} ${a} r/m\0object-format=md5`, flush], 'PROTOCOL_ERROR', "'md5'"],
    ['a signed push', ['push-cert\0report-status', flush], 'UNIMPLEMENTED', 'signed pushes'],
    [
      'too many push options',
      [`${zero} ${a} r/m\0push-options`, flush, ...Array.from({ length: pushOptionsMax + 1 }, () => 'x'), flush],
      'TOO_LARGE',
      'push options',
    ],
  ])('refuses %s', async (_, parts, code, message) => {
    await expect(readReceivePackRequest(reader(...parts))).rejects.toMatchObject({
      code,
      message: expect.stringContaining(message),
    });
  });
});
