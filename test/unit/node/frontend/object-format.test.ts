import { describe, expect, it } from 'vitest';
import { formatFromWire, formatToWire } from '../../../../src/node/frontend/object-format.ts';
import { ObjectFormat } from '../../../../src/rpc/gen/stratum/v1/metadata.ts';

describe('object formats', () => {
  it('go over the wire and back', () => {
    for (const format of ['sha1', 'sha256'] as const) expect(formatFromWire(formatToWire(format))).toBe(format);
  });

  it('are sha1 where the record does not say', () => {
    expect(formatFromWire(ObjectFormat.UNSPECIFIED)).toBe('sha1');
  });
});
