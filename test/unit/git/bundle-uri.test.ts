import { describe, expect, it } from 'vitest';
import { type BundleLocation, encodeBundleUri, parseBundleUri } from '../../../src/git/bundle-uri.ts';
import { ByteReader } from '../../../src/git/byte-reader.ts';
import { readPkt } from '../../../src/git/pkt-line.ts';

async function linesOf(bundles: readonly BundleLocation[]): Promise<string[]> {
  const bytes = encodeBundleUri(bundles);
  const reader = new ByteReader(
    (async function* () {
      yield bytes;
    })(),
  );
  const lines: string[] = [];
  for (let pkt = await readPkt(reader); pkt?.kind === 'data'; pkt = await readPkt(reader)) {
    lines.push(pkt.payload.toString());
  }
  expect(bytes.subarray(-4).toString()).toBe('0000');
  expect(await readPkt(reader)).toBeUndefined();
  return lines;
}

describe('bundle-uri', () => {
  it('takes no arguments', () => {
    expect(parseBundleUri([])).toBeUndefined();
    expect(() => parseBundleUri(['all'])).toThrow(
      expect.objectContaining({ code: 'PROTOCOL_ERROR', message: "bundle-uri: unexpected argument: 'all'" }),
    );
  });

  it('lists where bundles are, without newlines, as git does', async () => {
    expect(
      await linesOf([
        { id: 'base', uri: 'bundles/1.bundle' },
        { id: 'b2', uri: 'https://cdn.example.org/2.bundle?a=b' },
      ]),
    ).toEqual([
      'bundle.version=1',
      'bundle.mode=all',
      'bundle.base.uri=bundles/1.bundle',
      'bundle.b2.uri=https://cdn.example.org/2.bundle?a=b',
    ]);
  });

  it('has the client choose by creation token when every bundle has one', async () => {
    const tokens = [7n, 2n ** 63n];
    expect(await linesOf(tokens.map((creationToken, at) => ({ id: `b${at}`, uri: `u${at}`, creationToken })))).toEqual([
      'bundle.version=1',
      'bundle.mode=all',
      'bundle.heuristic=creationToken',
      'bundle.b0.uri=u0',
      'bundle.b0.creationtoken=7',
      'bundle.b1.uri=u1',
      'bundle.b1.creationtoken=9223372036854775808',
    ]);
  });

  it('leaves tokens out when one bundle has none', async () => {
    const bundles = [
      { id: 'x', uri: 'u', creationToken: 7n },
      { id: 'y', uri: 'v' },
    ];
    expect(await linesOf(bundles)).toEqual(['bundle.version=1', 'bundle.mode=all', 'bundle.x.uri=u', 'bundle.y.uri=v']);
  });

  it('is an empty list without bundles', async () => {
    expect(await linesOf([])).toEqual([]);
  });
});
