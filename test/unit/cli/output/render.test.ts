import { describe, expect, it } from 'vitest';
import { parse } from 'yaml';
import type { Listing } from '../../../../src/cli/output/envelope.ts';
import { type OutputFormat, render } from '../../../../src/cli/output/render.ts';

interface Item {
  readonly id: string;
  readonly epoch: bigint;
  readonly size: number;
  readonly tags: readonly string[];
}

const items: Item[] = [
  { id: 'object-1', epoch: 18_446_744_073_709_551_615n, size: 5, tags: ['a', 'b'] },
  { id: 'object-22', epoch: 1n, size: 12_345, tags: [] },
];

const listing = (found = items): Listing<Item> => ({
  kind: 'ItemList',
  source: { node: 'coordinator-1', version: 14n, term: 3n },
  items: found,
  rows: found,
  columns: [
    { header: 'id', value: ({ id }) => id },
    { header: 'size', value: ({ size }) => size, right: true },
    { header: 'tags', value: ({ tags }) => tags.join(',') },
    { header: 'epoch', value: ({ epoch }) => epoch, wide: true },
  ],
  name: ({ id }) => `item/${id}`,
  unreachable: [{ node: 'object-3', reason: 'UNREACHABLE' }],
  extra: { ring: { epoch: 7n } },
});

const show = (format: OutputFormat, options: { isTerminal?: boolean; field?: string; items?: Item[] } = {}) =>
  render(listing(options.items), { isTerminal: false, nowMs: 1_700_000_000_000, format, ...options });

describe('a listing', () => {
  it('is a table with headers on a terminal, numbers at the right, empty cells marked', async () => {
    expect(await show('table', { isTerminal: true })).toBe(
      'ID           SIZE   TAGS\nobject-1        5   a,b\nobject-22   12345   -\n',
    );
  });

  it('has all columns when wide', async () => {
    expect(await show('wide', { isTerminal: true })).toContain('18446744073709551615');
  });

  it('is the same rows in a pipe, by tabs and without headers', async () => {
    expect(await show('table')).toBe('object-1\t5\ta,b\nobject-22\t12345\t\n');
  });

  it('does not let a value break its row or send control codes', async () => {
    const nasty = [{ id: 'a\tb\nc\u001b[31m', epoch: 1n, size: 1, tags: [] }];
    expect(await show('table', { items: nasty })).toBe('a b c [31m\t1\t\n');
  });

  it('is the contract’s envelope in JSON, with u64 as strings and sizes as numbers', async () => {
    const text = await show('json');
    expect(JSON.parse(text)).toEqual({
      apiVersion: 'stratum/v1',
      kind: 'ItemList',
      asOf: '2023-11-14T22:13:20.000Z',
      source: { node: 'coordinator-1', version: '14', term: '3' },
      items: [
        { id: 'object-1', epoch: '18446744073709551615', size: 5, tags: ['a', 'b'] },
        { id: 'object-22', epoch: '1', size: 12_345, tags: [] },
      ],
      unreachable: [{ node: 'object-3', reason: 'UNREACHABLE' }],
      ring: { epoch: '7' },
    });
  });

  it('has the same types in YAML', async () => {
    expect(parse(await show('yaml'))).toEqual(JSON.parse(await show('json')));
  });

  it('is an item a line in JSON lines, and a name a line with "name"', async () => {
    const lines = (await show('jsonl')).trimEnd().split('\n');
    expect(lines.map((line) => (JSON.parse(line) as Item).id)).toEqual(['object-1', 'object-22']);
    expect(await show('name')).toBe('item/object-1\nitem/object-22\n');
  });

  it('prints nothing when there is nothing, except the envelope', async () => {
    expect(await show('table', { items: [], isTerminal: true })).toBe('');
    expect(JSON.parse(await show('json', { items: [] }))).toMatchObject({ items: [] });
  });

  it.each([
    ['source.version', '14\n'],
    ['items[1].id', 'object-22\n'],
    ['items.0.tags', '["a","b"]\n'],
    ['ring.epoch', '7\n'],
    ['id', 'object-1\nobject-22\n'],
    ['.size', '5\n12345\n'],
  ])('prints the field %s raw, of the envelope or of each item', async (field, text) => {
    expect(await show('table', { field })).toBe(text);
  });

  it.each(['nope', 'idd', 'items[7].id', 'source.node.x'])(
    'says which fields there are instead of %s',
    async (field) => {
      await expect(show('table', { field })).rejects.toMatchObject({ code: 'USAGE', hint: expect.any(String) });
    },
  );
});
