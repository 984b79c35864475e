import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { decodeChanges, encodeChanges } from '../../../../src/node/metadata/journal-changes.ts';
import { noChanges } from '../../../../src/node/metadata/layered-state.ts';

const bytes = fc.uint8Array({ maxLength: 30 }).map((found) => Buffer.from(found));

describe('changes in a journal', () => {
  it('come back as they were: any bytes, empty values, removals, in the order of their keys', () => {
    fc.assert(
      fc.property(fc.array(fc.tuple(bytes, fc.option(bytes, { nil: undefined })), { maxLength: 12 }), (written) => {
        const changes = noChanges();
        for (const [key, value] of written) changes.set(key.toString('latin1'), value);
        expect([...decodeChanges(encodeChanges(changes))]).toEqual(changes.toArray());
      }),
      { numRuns: 200 },
    );
  });

  it('come back with the longest key of LMDB and a value of a megabyte', () => {
    const changes = noChanges();
    changes.set('\u00ff'.repeat(1978), Buffer.alloc(2 ** 20, 7));
    changes.set('a', Buffer.alloc(0));
    expect([...decodeChanges(encodeChanges(changes))]).toEqual(changes.toArray());
  });

  it('are no part of the bytes that they were read from', () => {
    const changes = noChanges();
    changes.set('key', Buffer.from('value'));
    const encoded = encodeChanges(changes);
    const decoded = [...decodeChanges(encoded)];
    encoded.fill(0);
    expect(decoded).toEqual([['key', Buffer.from('value')]]);
  });

  it.each([
    ['of another version', Buffer.from([2, 0, 0])],
    ['that are none', Buffer.alloc(0)],
  ])('%s are DATA_CORRUPT', (_, encoded) => {
    expect(() => [...decodeChanges(encoded)]).toThrow(expect.objectContaining({ code: 'DATA_CORRUPT' }));
  });
});
