import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { ByteReader } from '../../../src/git/byte-reader.ts';
import {
  delimPkt,
  encodeErrorPkt,
  encodePkt,
  flushPkt,
  type Pkt,
  pktBytesMax,
  pktPayloadBytesMax,
  pktText,
  readPkt,
  readPkts,
  responseEndPkt,
} from '../../../src/git/pkt-line.ts';

async function readAll(bytes: Buffer, chunkBytes = 7): Promise<Pkt[]> {
  const reader = new ByteReader(
    (async function* () {
      for (let at = 0; at < bytes.length; at += chunkBytes) yield bytes.subarray(at, at + chunkBytes);
    })(),
  );
  const pkts: Pkt[] = [];
  for (let pkt = await readPkt(reader); pkt !== undefined; pkt = await readPkt(reader)) pkts.push(pkt);
  return pkts;
}

describe('pkt-line', () => {
  it('encodes the examples of gitprotocol-common', () => {
    expect(encodePkt('a\n').toString()).toBe('0006a\n');
    expect(encodePkt('a').toString()).toBe('0005a');
    expect(encodePkt('foobar\n').toString()).toBe('000bfoobar\n');
    expect(encodePkt('').toString()).toBe('0004');
  });

  it('refuses to encode more than fits and cuts a too long error', () => {
    expect(encodePkt(Buffer.alloc(pktPayloadBytesMax))).toHaveLength(pktBytesMax);
    expect(() => encodePkt(Buffer.alloc(pktPayloadBytesMax + 1))).toThrow(
      expect.objectContaining({ code: 'TOO_LARGE' }),
    );
    expect(encodeErrorPkt('x'.repeat(100_000))).toHaveLength(pktBytesMax);
  });

  it('reads back whatever was encoded, however it is cut into chunks', async () => {
    const line = fc.oneof(
      fc.uint8Array({ maxLength: 300 }).map((payload) => ({ kind: 'data' as const, payload: Buffer.from(payload) })),
      fc.constantFrom<Pkt>({ kind: 'flush' }, { kind: 'delim' }, { kind: 'response-end' }),
    );
    const encode = (pkt: Pkt) => {
      if (pkt.kind === 'data') return encodePkt(pkt.payload);
      return { flush: flushPkt, delim: delimPkt, 'response-end': responseEndPkt }[pkt.kind];
    };
    await fc.assert(
      fc.asyncProperty(fc.array(line, { maxLength: 20 }), fc.integer({ min: 1, max: 50 }), async (pkts, chunkBytes) => {
        expect(await readAll(Buffer.concat(pkts.map(encode)), chunkBytes)).toEqual(pkts);
      }),
    );
  });

  it.each([
    ['letters for a length', 'zzzz', 'byte 0'],
    ['a sign in the length', '+00a', 'byte 0'],
    ['the length 3', '0006a\n0003', 'byte 6'],
    ['a length over 65520', '0000fff1', 'byte 4'],
    ['a cut length', '0006a\n00', 'byte 8'],
    ['a cut payload', '0006a\n0009ab', 'byte 12'],
    ['a missing payload', '0009', 'byte 0'],
  ])('refuses %s and names the place', async (_, text, place) => {
    await expect(readAll(Buffer.from(text))).rejects.toMatchObject({
      code: 'PROTOCOL_ERROR',
      message: expect.stringContaining(place),
    });
  });

  it('never fails in another way than PROTOCOL_ERROR, whatever bytes come', async () => {
    await fc.assert(
      fc.asyncProperty(fc.uint8Array({ maxLength: 64 }), async (bytes) => {
        await readAll(Buffer.from(bytes)).catch((error) => expect(error.code).toBe('PROTOCOL_ERROR'));
      }),
    );
  });

  it('takes one newline off a text line', () => {
    expect(pktText(Buffer.from('a\n\n'))).toBe('a\n');
    expect(pktText(Buffer.from('a'))).toBe('a');
    expect(pktText(Buffer.from(''))).toBe('');
  });
});

describe('readPkts', () => {
  it('reads what readPkt reads, line by line', async () => {
    const body = Buffer.concat([encodePkt('a\n'), delimPkt, encodePkt(''), encodePkt('b'), flushPkt, responseEndPkt]);
    const reader = new ByteReader(
      (async function* () {
        yield body;
      })(),
    );
    for (const pkt of readPkts(body)) expect(pkt).toEqual(await readPkt(reader));
    expect(await readPkt(reader)).toBeUndefined();
  });

  it.each([
    { what: 'a length that is cut', body: '000' },
    { what: 'a line that is cut', body: '0009abc' },
    { what: 'a length that is none', body: 'wxyz' },
  ])('refuses $what', ({ body }) => {
    expect(() => [...readPkts(Buffer.from(body))]).toThrow(expect.objectContaining({ code: 'PROTOCOL_ERROR' }));
  });

  it('refuses millions of lines, and keeps none of them', () => {
    const pkts = readPkts(Buffer.from('0005a'.repeat(700_001)));
    const readAll = () => {
      while (pkts.next().done !== true);
    };
    expect(readAll).toThrow(expect.objectContaining({ code: 'TOO_LARGE' }));
  });
});
