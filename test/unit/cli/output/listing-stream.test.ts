import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { renderStream, type StreamedListing } from '../../../../src/cli/output/listing-stream.ts';
import { outputFormats, render } from '../../../../src/cli/output/render.ts';

interface Item {
  readonly oid: string;
  readonly kind: { readonly nodes: readonly string[] };
  readonly version: bigint;
}

const kinds = [['a', 'b'], ['c'], []].map((nodes) => ({ nodes }));
const unreachable = [{ node: 'object-9', reason: 'it said "items": [] and went' }];

function streamed(batches: readonly (readonly Item[])[]): StreamedListing<Item, string> {
  async function* each() {
    yield* batches;
  }
  return {
    kind: 'ThingList',
    source: { node: 'coordinator-1', version: 3n, term: 1n },
    batches: each(),
    rowsOf: ({ oid, kind }) => kind.nodes.map((node) => `${oid} ${node}`),
    columns: [{ header: 'row', value: (row) => row }],
    name: ({ oid }) => `thing/${oid}`,
    unreachable: () => unreachable,
    stencil: ({ oid, kind }) => (kind.nodes.length === 0 ? undefined : { key: kind, text: oid }),
    extra: { more: 1 },
  };
}

const item = fc.record({
  oid: fc.nat({ max: 10 ** 9 }).map((number) => `oid-${number}-of-a-blob`),
  kind: fc.constantFrom(...kinds),
  version: fc.constant(7n),
});

async function textOf(batches: readonly (readonly Item[])[], options: Parameters<typeof renderStream>[1]) {
  return (await Array.fromAsync(renderStream(streamed(batches), options))).join('');
}

describe('a streamed listing', () => {
  it.each(outputFormats)('reads as %s like the whole would, however it comes in batches', async (format) => {
    await fc.assert(
      fc.asyncProperty(fc.array(fc.array(item, { maxLength: 6 }), { maxLength: 4 }), async (batches) => {
        const options = { format, isTerminal: false, nowMs: 1_700_000_000_000 };
        const items = batches.flat();
        const listing = streamed([]);
        const whole = await render({ ...listing, items, rows: items.flatMap(listing.rowsOf), unreachable }, options);
        expect(await textOf(batches, options)).toBe(whole);
      }),
      { numRuns: 40 },
    );
  });

  const items = kinds.map((kind, index) => ({ oid: `oid-${index}`, kind, version: 7n }));
  const plain = { format: 'table', isTerminal: false, nowMs: 0 } as const;

  it('has one header on a terminal', async () => {
    const text = await textOf([items, items], { ...plain, isTerminal: true });
    expect(text.match(/ROW/g)).toHaveLength(1);
    expect(text.split('\n').filter((line) => line.startsWith('oid-'))).toHaveLength(6);
  });

  it.each([
    ['oid', 'oid-0\noid-1\noid-2\n'],
    ['items[1].oid', 'oid-1\n'],
    ['unreachable[0].node', 'object-9\n'],
    ['more', '1\n'],
  ])('gives --field %s', async (field, expected) => {
    expect(await textOf([items.slice(0, 1), items.slice(1)], { ...plain, field })).toBe(expected);
  });

  it('names the fields that there are for one that there is not', async () => {
    await expect(textOf([items], { ...plain, field: 'oiid' })).rejects.toThrow('there is no "oiid"');
  });

  it('gives what has come before the rest is there', async () => {
    async function* endless() {
      yield items;
      throw new Error('asked for more than was read');
    }
    const text = renderStream({ ...streamed([]), batches: endless() }, { ...plain, format: 'jsonl' });
    expect((await text.next()).value).toContain('oid-2');
  });
});
