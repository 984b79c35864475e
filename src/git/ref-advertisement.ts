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
export function advertiseForUploadPack(snapshot: RefSnapshot, options: AdvertisementOptions): Iterable<Buffer> {
  const head = resolveHead(snapshot);
  const symref = head === undefined ? '' : ` symref=HEAD:${snapshot.head}`;
  const capabilities = `${uploadPackCapabilities}${symref} object-format=${snapshot.objectFormat} agent=${options.agent}`;
  const lines: string[] = [];
  if (head !== undefined) lines.push(`${head.objectId} HEAD`);
  for (const ref of snapshot.refs) {
    lines.push(`${ref.objectId} ${ref.name}`);
    if (ref.peeledId !== '') lines.push(`${ref.peeledId} ${ref.name}^{}`);
  }
  return advertise(lines, capabilities, zeroId(snapshot.objectFormat), options);
}

/** The refs as a pushing client expects them: no HEAD, nothing peeled. */
export function advertiseForReceivePack(snapshot: RefSnapshot, options: AdvertisementOptions): Iterable<Buffer> {
  const lines = snapshot.refs.map((ref) => `${ref.objectId} ${ref.name}`);
  const capabilities = `${receivePackCapabilities} object-format=${snapshot.objectFormat} agent=${options.agent}`;
  return advertise(lines, capabilities, zeroId(snapshot.objectFormat), options);
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
  return advertise([`${zeroId('sha1')} .have`], capabilities, zeroId('sha1'), options);
}

function advertise(
  lines: readonly string[],
  capabilities: string,
  zero: string,
  options: AdvertisementOptions,
): Iterable<Buffer> {
  const [first = `${zero} capabilities^{}`, ...others] = lines;
  return inBatches(
    (function* () {
      if (options.version === 1) yield encodePkt('version 1\n');
      yield encodePkt(`${first}\0${capabilities}\n`);
      for (const line of others) yield encodePkt(`${line}\n`);
      yield flushPkt;
    })(),
  );
}
