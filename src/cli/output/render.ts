import { type Envelope, type Listing, toEnvelope } from './envelope.ts';
import { fieldAt, rawValue, steps } from './field-path.ts';
import { toJson } from './json.ts';
import { renderTable, renderTabSeparated } from './table.ts';

/** What "-o" takes. */
export const outputFormats = ['table', 'wide', 'json', 'yaml', 'jsonl', 'name'] as const;

/** A form of output. */
export type OutputFormat = (typeof outputFormats)[number];

/** How to print a listing. */
export interface RenderOptions {
  readonly format: OutputFormat;
  /** Print only the value at this path. */
  readonly field?: string | undefined;
  /** A terminal gets aligned columns with headers, a pipe the same cells separated by tabs. */
  readonly isTerminal: boolean;
  readonly nowMs: number;
}

/** The text of a listing on stdout. */
export async function render<Item extends object, Row>(
  listing: Listing<Item, Row>,
  options: RenderOptions,
): Promise<string> {
  const envelope = toEnvelope(listing, options.nowMs);
  if (options.field !== undefined) return renderField(envelope, options.field);
  switch (options.format) {
    case 'json':
      return `${toJson(envelope, 2)}\n`;
    case 'jsonl':
      return listing.items.map((item) => `${toJson(item)}\n`).join('');
    case 'yaml': {
      const { renderYaml } = await import('./yaml.ts');
      return renderYaml(envelope);
    }
    case 'name':
      return listing.items.map((item) => `${listing.name(item)}\n`).join('');
    case 'table':
    case 'wide':
      return renderColumns(listing, options);
  }
}

/** A path is looked up in the envelope when it begins with one of its keys, otherwise in each item. */
function renderField(envelope: Envelope, path: string): string {
  const [first] = steps(path);
  if (first !== undefined && Object.hasOwn(envelope, first)) return `${rawValue(fieldAt(envelope, path))}\n`;
  // A key that only some items have, as frontends alone have a Git URL, is left out for the others.
  const having = envelope.items.filter((item) => first !== undefined && Object.hasOwn(item, first));
  const items = having.length === 0 ? envelope.items : having;
  return items.map((item) => `${rawValue(fieldAt(item, path))}\n`).join('');
}

function renderColumns<Item extends object, Row>(listing: Listing<Item, Row>, options: RenderOptions): string {
  const columns = listing.columns.filter((column) => options.format === 'wide' || column.wide !== true);
  const rows = listing.rows.map((row) => columns.map((column) => String(column.value(row))));
  if (!options.isTerminal) return renderTabSeparated(rows);
  if (rows.length === 0) return '';
  const headers = columns.map((column) => column.header.toUpperCase());
  const shown = rows.map((row) => row.map((cell) => (cell === '' ? '-' : cell)));
  return renderTable(
    headers,
    shown,
    columns.map((column) => column.right === true),
  );
}
