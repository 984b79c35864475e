import { describe, expect, it } from 'vitest';
import { pktBytesMax } from '../../../src/git/pkt-line.ts';
import { encodeSideband, sidebandBytesMax, sidebandKeepAlive } from '../../../src/git/sideband.ts';

describe('encodeSideband', () => {
  it.each([1, 2, 3] as const)('puts the number of band %i before the data', (band) => {
    expect(encodeSideband(band, 'hi')).toEqual(
      Buffer.concat([Buffer.from('0007'), Buffer.of(band), Buffer.from('hi')]),
    );
  });

  it('cuts data into pkt-lines of the longest kind', () => {
    const data = Buffer.alloc(sidebandBytesMax * 2 + 5, 'x');
    const lines = encodeSideband(1, data);
    expect(lines).toHaveLength(2 * pktBytesMax + 5 + 5);
    expect(lines.toString('latin1', 0, 4)).toBe('fff0');
    expect(lines.toString('latin1', pktBytesMax, pktBytesMax + 4)).toBe('fff0');
  });

  it('sends nothing for no data, and a keep-alive of five bytes', () => {
    expect(encodeSideband(2, '')).toHaveLength(0);
    expect(sidebandKeepAlive).toEqual(Buffer.from('0005\x01'));
  });
});
