import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { EncodedRefs, type RefLineShape } from '../../../src/git/encoded-refs.ts';
import { encodePkt } from '../../../src/git/pkt-line.ts';
import { type GitRef, sortRefs } from '../../../src/git/ref-snapshot.ts';

const [a, b] = ['a'.repeat(40), 'b'.repeat(40)];

/** One line at a time, as the protocol documents say. */
function expected(refs: readonly GitRef[], shape: RefLineShape): string {
  const lines = refs.flatMap(({ name, objectId, peeledId }) => {
    if (shape === 'attribute' && peeledId !== '') return [`${objectId} ${name} peeled:${peeledId}\n`];
    if (shape === 'dereferenced' && peeledId !== '') return [`${objectId} ${name}\n`, `${peeledId} ${name}^{}\n`];
    return [`${objectId} ${name}\n`];
  });
  return Buffer.concat(lines.map(encodePkt)).toString();
}

const segment = fc.string({
  unit: fc.constantFrom('a', 'b', 'é', '\u{1f600}', '\uff5e', '-'),
  minLength: 1,
  maxLength: 3,
});
const names = fc.uniqueArray(
  fc.array(segment, { minLength: 1, maxLength: 3 }).map((segments) => `refs/${segments.join('/')}`),
  { maxLength: 30 },
);
const anyRefs = names.chain((unique) =>
  fc
    .tuple(...unique.map((name) => fc.boolean().map((isTag) => ({ name, objectId: a, peeledId: isTag ? b : '' }))))
    .map((refs) => sortRefs(refs)),
);
const shapes: readonly RefLineShape[] = ['plain', 'attribute', 'dereferenced'];

describe('EncodedRefs', () => {
  it.each(shapes)('of shape %s holds what each ref by itself would be', (shape) => {
    fc.assert(
      fc.property(anyRefs, (refs) => {
        const encoded = EncodedRefs.encode(refs, shape);
        expect(encoded.all.toString()).toBe(expected(refs, shape));
        expect(encoded.byteLength).toBeGreaterThan(encoded.all.length);
      }),
    );
  });

  it.each(shapes)('of shape %s gives the refs with a prefix, each once and in order', (shape) => {
    const prefixes = fc.array(
      names.map((some) => (some[0] ?? '').slice(0, 7)),
      { maxLength: 6 },
    );
    fc.assert(
      fc.property(anyRefs, prefixes, (refs, wanted) => {
        const part = Buffer.concat([...EncodedRefs.encode(refs, shape).withPrefixes(refs, wanted)]);
        const matching = refs.filter(({ name }) => wanted.some((prefix) => name.startsWith(prefix)));
        expect(part.toString()).toBe(expected(matching, shape));
      }),
    );
  });

  it('encodes more than fits one batch', () => {
    const refs = Array.from({ length: 2_000 }, (_, at) => {
      return { name: `refs/heads/ü-${String(at).padStart(6, '0')}`, objectId: a, peeledId: '' };
    });
    expect(EncodedRefs.encode(refs, 'plain').all.toString()).toBe(expected(refs, 'plain'));
  });
});
