import type { Repo } from '../rpc/gen/stratum/v1/metadata.ts';

/** Where a repository stands in a listing: its name, and for deleted ones, of which several can have had it, the id too. */
export function listingCursor({ name, id, deletedAtMs }: Repo): string {
  // A space is below every character of a name, so that this order is that of the names.
  return deletedAtMs === undefined ? name : `${name} ${id}`;
}

/** Compares by place in a listing. Names are ASCII, so this is byte order. */
export function byListing(a: Repo, b: Repo): number {
  return listingCursor(a) < listingCursor(b) ? -1 : 1;
}
