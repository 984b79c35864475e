import { hexDigitsOf, type ObjectFormat } from './object-id.ts';

const simple = /^(?:blob:none|blob:limit=\d{1,15}[kmg]?|tree:\d{1,9}|object:type=(?:commit|tree|blob|tag))$/;

/**
 * Whether a filter of a partial clone chooses by the objects alone and git takes it for sure.
 * Others are left to git: `sparse:oid` may name a revision, which refs resolve, and what is refused
 * is refused in git's own words.
 */
export function isPlainFilter(filter: string, format: ObjectFormat): boolean {
  if (!filter.startsWith('combine:')) return isPlainPart(filter, format);
  const parts = filter.slice('combine:'.length).split('+');
  return parts.every((part) => isPlainPart(decodePart(part), format));
}

function isPlainPart(filter: string, format: ObjectFormat): boolean {
  if (simple.test(filter)) return true;
  const id = filter.startsWith('sparse:oid=') ? filter.slice('sparse:oid='.length) : '';
  return id.length === hexDigitsOf(format) && /^[0-9a-f]+$/.test(id);
}

/** One part of a combined filter as the client meant it; as it stands when its escapes are not ASCII. */
function decodePart(part: string): string {
  return part.replaceAll(/%([0-7][0-9a-fA-F])/g, (_, digits: string) =>
    String.fromCharCode(Number.parseInt(digits, 16)),
  );
}
