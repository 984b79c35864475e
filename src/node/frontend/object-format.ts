import type { ObjectFormat } from '../../git/object-id.ts';
import { ObjectFormat as WireFormat } from '../../rpc/gen/stratum/v1/metadata.ts';

/** The format of a repository record, in git's words. */
export function formatFromWire(format: WireFormat): ObjectFormat {
  return format === WireFormat.SHA256 ? 'sha256' : 'sha1';
}

/** A format in git's words, for a repository record. */
export function formatToWire(format: ObjectFormat): WireFormat {
  return format === 'sha256' ? WireFormat.SHA256 : WireFormat.SHA1;
}
