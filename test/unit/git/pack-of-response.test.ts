import { describe, expect, it } from 'vitest';
import { packOfResponse } from '../../../src/git/pack-of-response.ts';
import { encodePkt, flushPkt } from '../../../src/git/pkt-line.ts';
import { encodeSideband } from '../../../src/git/sideband.ts';

async function packOf(...lines: Buffer[]): Promise<string> {
  const bytes = Buffer.concat(lines);
  const chunks = (async function* () {
    for (let at = 0; at < bytes.length; at += 7) yield bytes.subarray(at, at + 7);
  })();
  return Buffer.concat(await Array.fromAsync(packOfResponse(chunks))).toString('latin1');
}

const begin = encodePkt('packfile\n');

describe('packOfResponse', () => {
  it('joins what is in band 1, after the sections before it', async () => {
    const shallow = [encodePkt('shallow-info\n'), encodePkt(`shallow ${'a'.repeat(40)}`), Buffer.from('0001')];
    const bands = [encodeSideband(1, 'PA'), encodeSideband(2, 'progress'), encodePkt('\x01'), encodeSideband(1, 'CK')];
    expect(await packOf(...shallow, begin, ...bands, flushPkt)).toBe('PACK');
  });

  it('is nothing where there is no pack', async () => {
    expect(await packOf(encodePkt('acknowledgments\n'), encodePkt('NAK\n'), flushPkt)).toBe('');
  });

  it('fails for a response that is cut off', async () => {
    await expect(packOf(begin, encodeSideband(1, 'PACK').subarray(0, 6))).rejects.toMatchObject({
      code: 'PROTOCOL_ERROR',
    });
  });
});
