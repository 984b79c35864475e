import { describe, expect, it } from 'vitest';
import type { V2Request } from '../../../../src/git/protocol-v2.ts';
import { KnownRequests } from '../../../../src/node/frontend/known-requests.ts';

const request: V2Request = { command: 'fetch', objectFormat: 'sha1', agent: '', serverOptions: [], args: [] };

describe('KnownRequests', () => {
  it('gives the same object for the same bytes, and nothing for others', () => {
    const known = new KnownRequests();
    expect(known.keep(Buffer.from('a'), request)).toBe(request);
    expect(known.get(Buffer.from('a'))).toBe(request);
    expect(known.get(Buffer.from('b'))).toBeUndefined();
    expect(known.get(Buffer.from([0xc3, 0xa4]))).toBeUndefined();
  });

  it('remembers neither what asks for nothing nor what is large', () => {
    const known = new KnownRequests();
    expect(known.keep(Buffer.from('a'), undefined)).toBeUndefined();
    expect(known.get(Buffer.from('a'))).toBeUndefined();
    const large = Buffer.alloc(4097);
    expect(known.keep(large, request)).toBe(request);
    expect(known.get(large)).toBeUndefined();
  });

  it('forgets the oldest of very many', () => {
    const known = new KnownRequests();
    for (let at = 0; at < 2_000; at += 1) known.keep(Buffer.from(`${at}`), request);
    expect(known.get(Buffer.from('0'))).toBeUndefined();
    expect(known.get(Buffer.from('1999'))).toBe(request);
  });
});
