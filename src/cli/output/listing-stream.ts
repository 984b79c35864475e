import { type Listing, toEnvelope, type Unreachable } from './envelope.ts';
import { fieldAt, steps } from './field-path.ts';
import { toJson } from './json.ts';
import { type RenderOptions, render } from './render.ts';

/** A listing whose items come by and by, and need not fit in memory. */
export interface StreamedListing<Item extends object, Row = Item>
  extends Omit<Listing<Item, Row>, 'items' | 'rows' | 'unreachable'> {
  readonly batches: AsyncIterable<readonly Item[]>;
  readonly rowsOf: (item: Item) => readonly Row[];
  /** Asked when all items have come. */
  readonly unreachable: () => readonly Unreachable[];
  /** Items with the same key print alike but for this text, which stands nowhere else in them. */
  readonly stencil?: (item: Item) => { readonly key: object; readonly text: string } | undefined;
}

/**
 * The text of a streamed listing on stdout, piece by piece, the same as `render` gives of it as a whole;
 * but a terminal's columns line up within a batch only. A --field of the envelope itself ("items[0]") keeps all items.
 */
export async function* renderStream<Item extends object, Row>(
  listing: StreamedListing<Item, Row>,
  options: RenderOptions,
): AsyncGenerator<string, void, undefined> {
  const { field, format } = options;
  const part = (items: readonly Item[]) => {
    const rows = items.flatMap(listing.rowsOf);
    return { ...listing, items, rows, unreachable: listing.unreachable() };
  };
  const isOfEnvelope = field !== undefined && Object.hasOwn(toEnvelope(part([]), 0), steps(field)[0] ?? '');
  if (isOfEnvelope) {
    yield render(part((await Array.fromAsync(listing.batches)).flat()), options);
  } else if (field !== undefined) {
    yield* renderFields(listing.batches, field, (items) => render(part(items), options));
  } else if (format === 'json') {
    yield* renderJson(listing, part, options.nowMs);
  } else if (format === 'yaml') {
    yield* renderYamlItems(listing, part, options.nowMs);
  } else if (options.isTerminal && format !== 'jsonl' && format !== 'name') {
    yield* renderTables(listing, part, options);
  } else {
    yield* renderBatches(listing, (items) => render(part(items), options));
  }
}

type PartOf<Item extends object, Row> = (items: readonly Item[]) => Listing<Item, Row>;

async function* renderFields<Item extends object>(
  batches: AsyncIterable<readonly Item[]>,
  field: string,
  renderPart: (items: readonly Item[]) => Promise<string>,
): AsyncGenerator<string> {
  const [key = ''] = steps(field);
  let without: Item | undefined;
  let hasPrinted = false;
  for await (const items of batches) {
    const having = items.filter((item) => Object.hasOwn(item, key));
    without ??= items.find((item) => !Object.hasOwn(item, key));
    if (having.length === 0) continue;
    hasPrinted = true;
    yield await renderPart(having);
  }
  // A path that no item has is an error, which names what there is.
  if (!hasPrinted && without !== undefined) fieldAt(without, field);
}

async function* renderJson<Item extends object, Row>(
  listing: StreamedListing<Item, Row>,
  part: PartOf<Item, Row>,
  nowMs: number,
): AsyncGenerator<string> {
  const noItems = '"items": []';
  // What stands around the items; a quote within a value would be escaped, so that nothing else matches.
  const around = () => toJson(toEnvelope(part([]), nowMs), 2).split(noItems);
  const renderRun = async (items: readonly Item[]) =>
    items.map((item) => `,\n    ${toJson(item, 2).replaceAll('\n', '\n    ')}`).join('');
  let isFirst = true;
  for await (const text of renderBatches(listing, renderRun)) {
    yield isFirst ? `${around()[0]}"items": [${text.slice(1)}` : text;
    isFirst = false;
  }
  const [head, tail] = around();
  yield isFirst ? `${head}${noItems}${tail}\n` : `\n  ]${tail}\n`;
}

async function* renderYamlItems<Item extends object, Row>(
  listing: StreamedListing<Item, Row>,
  part: PartOf<Item, Row>,
  nowMs: number,
): AsyncGenerator<string> {
  const { renderYaml } = await import('./yaml.ts');
  const around = () => renderYaml(toEnvelope(part([]), nowMs)).split(/^items: \[\]\n/m);
  const renderRun = async (items: readonly Item[]) => renderYaml({ items }).slice('items:\n'.length);
  let isFirst = true;
  for await (const text of renderBatches(listing, renderRun)) {
    yield isFirst ? `${around()[0]}items:\n${text}` : text;
    isFirst = false;
  }
  const [head, tail] = around();
  yield isFirst ? `${head}items: []\n${tail}` : (tail ?? '');
}

/** A table for each batch, under the header of the first. */
async function* renderTables<Item extends object, Row>(
  listing: StreamedListing<Item, Row>,
  part: PartOf<Item, Row>,
  options: RenderOptions,
): AsyncGenerator<string> {
  let isFirst = true;
  for await (const items of listing.batches) {
    if (items.length === 0) continue;
    const text = await render(part(items), options);
    yield isFirst ? text : text.slice(text.indexOf('\n') + 1);
    isFirst = false;
  }
}

/**
 * The text of each batch that has items. `renderRun` gives the texts of items one after the other; it is
 * asked for those alone whose like has not been seen twice.
 */
async function* renderBatches<Item extends object, Row>(
  { batches, stencil }: StreamedListing<Item, Row>,
  renderRun: (items: readonly Item[]) => Promise<string>,
): AsyncGenerator<string> {
  const seen = new WeakSet<object>();
  const stencils = new WeakMap<object, readonly string[]>();
  for await (const items of batches) {
    if (items.length === 0) continue;
    let text = '';
    let run: Item[] = [];
    for (const item of items) {
      const like = stencil?.(item);
      let pieces = like && stencils.get(like.key);
      if (like === undefined || (pieces === undefined && !seen.has(like.key))) {
        if (like !== undefined) seen.add(like.key);
        run.push(item);
        continue;
      }
      if (run.length > 0) text += await renderRun(run);
      run = [];
      if (pieces === undefined) {
        pieces = (await renderRun([item])).split(like.text);
        stencils.set(like.key, pieces);
      }
      text += pieces.join(like.text);
    }
    yield run.length > 0 ? text + (await renderRun(run)) : text;
  }
}
