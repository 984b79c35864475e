import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { encodeErrorPkt, encodePkt, flushPkt } from '../../../../src/git/pkt-line.ts';
import { encodeSideband } from '../../../../src/git/sideband.ts';
import { OutputWatch } from '../../../../src/node/frontend/output-watch.ts';

function told(bytes: Buffer, chunkBytes: number): boolean {
  const watch = new OutputWatch();
  for (let at = 0; at < bytes.length; at += chunkBytes) watch.see(bytes.subarray(at, at + chunkBytes));
  return watch.failureTold;
}

const fine = [
  encodePkt('packfile\n'),
  encodeSideband(1, Buffer.alloc(70_000, 3)),
  encodeSideband(2, 'ERR x'),
  flushPkt,
];

describe('OutputWatch', () => {
  it.each([
    ['an ERR line', encodeErrorPkt('no')],
    ['band 3', encodeSideband(3, 'no')],
  ])('sees %s wherever it comes and however it is cut', (_, error) => {
    fc.assert(
      fc.property(fc.nat(fine.length), fc.integer({ min: 1, max: 40 }), (at, chunkBytes) => {
        const bytes = Buffer.concat([...fine.slice(0, at), error, ...fine.slice(at)]);
        expect(told(bytes, chunkBytes)).toBe(true);
      }),
      { numRuns: 30 },
    );
  });

  it('takes nothing else for an error', () => {
    for (const chunkBytes of [1, 3, 4096]) expect(told(Buffer.concat(fine), chunkBytes)).toBe(false);
    expect(told(Buffer.concat([encodePkt('ERRATA x'), encodePkt(''), encodePkt('ER')]), 2)).toBe(false);
  });

  it('looks at nothing of a pack that follows without bands, whatever its bytes are', () => {
    const bytes = Buffer.concat([
      encodePkt('NAK\n'),
      Buffer.from('PACK'),
      encodeErrorPkt('no'),
      encodeSideband(3, 'no'),
    ]);
    for (const chunkBytes of [1, 3, 4096]) expect(told(bytes, chunkBytes)).toBe(false);
  });
});
