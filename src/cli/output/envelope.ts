import { toTime } from './json.ts';

/** The node whose answer a result was read from. */
export interface Source {
  readonly node: string;
  readonly version: bigint;
  readonly term: bigint;
}

/** A node that did not answer, and why. */
export interface Unreachable {
  readonly node: string;
  readonly reason: string;
}

/** A column of a table. */
export interface Column<Row> {
  readonly header: string;
  readonly value: (row: Row) => string | number | bigint | boolean;
  /** Shown with "-o wide" only. */
  readonly wide?: boolean;
  /** Numbers line up at their last digit. */
  readonly right?: boolean;
}

/** What a command found: its JSON form and its table are two views of the same items. */
export interface Listing<Item extends object, Row = Item> {
  /** For example "NodeList". */
  readonly kind: string;
  readonly items: readonly Item[];
  readonly columns: readonly Column<Row>[];
  /** What the rows of the table are made of: the items, unless an item has several rows. */
  readonly rows: readonly Row[];
  /** What "-o name" prints of an item. */
  readonly name: (item: Item) => string;
  /** Absent when nothing was read from a cluster. */
  readonly source?: Source | undefined;
  readonly unreachable?: readonly Unreachable[];
  /** Further keys of the envelope. */
  readonly extra?: Readonly<Record<string, unknown>>;
  /** What a person is told on stderr when there are no items. */
  readonly emptyText?: string;
}

/** The contract's envelope. */
export interface Envelope {
  readonly apiVersion: 'stratum/v1';
  readonly kind: string;
  readonly asOf: string;
  readonly source: Source | null;
  readonly items: readonly object[];
  readonly unreachable: readonly Unreachable[];
}

/** Puts a listing into the envelope; `nowMs` is the time of the answer. */
export function toEnvelope<Item extends object, Row>(listing: Listing<Item, Row>, nowMs: number): Envelope {
  return {
    apiVersion: 'stratum/v1',
    kind: listing.kind,
    asOf: toTime(nowMs),
    source: listing.source ?? null,
    items: listing.items,
    unreachable: listing.unreachable ?? [],
    ...listing.extra,
  };
}
