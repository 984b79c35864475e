import type { EncodedRefs, RefLines } from './encoded-refs.ts';
import { zeroId } from './object-id.ts';
import { inBatches } from './pkt-batches.ts';
import { encodePkt, flushPkt } from './pkt-line.ts';
import { type RefSnapshot, resolveHead } from './ref-snapshot.ts';

/** What a v0 or v1 advertisement says beside the refs. */
export interface AdvertisementOptions {
  /** 1 sends "version 1" first. */
  readonly version: 0 | 1;
  /** "stratum/<version>". */
  readonly agent: string;
}

/** Capabilities of `git upload-pack --stateless-rpc` as it is run by Stratum, the variable ones left out. */
const uploadPackCapabilities =
  'multi_ack thin-pack side-band side-band-64k ofs-delta shallow deepen-since deepen-not deepen-relative ' +
  'no-progress include-tag multi_ack_detailed allow-tip-sha1-in-want allow-reachable-sha1-in-want no-done filter';

const receivePackCapabilities =
  'report-status report-status-v2 delete-refs side-band-64k quiet atomic ofs-delta push-options';

/** The service line that precedes a v0 or v1 advertisement over HTTP. */
export function encodeServiceHeader(service: string): Buffer {
  return Buffer.concat([encodePkt(`# service=${service}\n`), flushPkt]);
}

/** The refs as a fetching client of protocol v0 or v1 expects them: HEAD, every ref, peeled tags. */
export function advertiseForUploadPack(
  snapshot: RefSnapshot,
  lines: RefLines,
  options: AdvertisementOptions,
): Iterable<Buffer> {
  const head = resolveHead(snapshot);
  const symref = head === undefined ? '' : ` symref=HEAD:${snapshot.head}`;
  const capabilities = `${uploadPackCapabilities}${symref} object-format=${snapshot.objectFormat} agent=${options.agent}`;
  if (head === undefined) return advertiseRefs(snapshot, lines('dereferenced'), capabilities, options);
  return advertise(`${head.objectId} HEAD`, [lines('dereferenced').all], capabilities, options);
}

/** The refs as a pushing client expects them: no HEAD, nothing peeled. */
export function advertiseForReceivePack(
  snapshot: RefSnapshot,
  lines: RefLines,
  options: AdvertisementOptions,
): Iterable<Buffer> {
  const capabilities = `${receivePackCapabilities} object-format=${snapshot.objectFormat} agent=${options.agent}`;
  return advertiseRefs(snapshot, lines('plain'), capabilities, options);
}

/**
 * For a push to a repository that will be created by it, in the client's format. Both formats are
 * listed: a client reads the advertisement by the first, and looks through all for its own. The line
 * that carries them cannot be the usual "capabilities^{}", whose zeros a client compares with its
 * own format's (git 2.39: "unexpected capabilities^{}" in a sha256 repository). A ".have" of zeros,
 * an object that nobody has, is skipped by every client.
 */
export function advertiseForCreation(options: AdvertisementOptions): Iterable<Buffer> {
  const capabilities = `${receivePackCapabilities} object-format=sha1 object-format=sha256 agent=${options.agent}`;
  return advertise(`${zeroId('sha1')} .have`, [], capabilities, options);
}

/** The first ref's line carries the capabilities, or a line of zeros where there is no ref. */
function advertiseRefs(
  snapshot: RefSnapshot,
  encoded: EncodedRefs,
  capabilities: string,
  options: AdvertisementOptions,
): Iterable<Buffer> {
  const [first] = snapshot.refs;
  if (first === undefined) {
    return advertise(`${zeroId(snapshot.objectFormat)} capabilities^{}`, [], capabilities, options);
  }
  const line = `${first.objectId} ${first.name}`;
  const others = encoded.all.subarray(encodePkt(`${line}\n`).length);
  return advertise(line, [others], capabilities, options);
}

function advertise(
  first: string,
  others: readonly Buffer[],
  capabilities: string,
  { version }: AdvertisementOptions,
): Iterable<Buffer> {
  const versionLines = version === 1 ? [encodePkt('version 1\n')] : [];
  return inBatches([...versionLines, encodePkt(`${first}\0${capabilities}\n`), ...others, flushPkt]);
}
