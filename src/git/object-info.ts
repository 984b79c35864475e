import { StratumError } from '../base/errors.ts';
import { isObjectId, type ObjectFormat } from './object-id.ts';
import { inBatches } from './pkt-batches.ts';
import { encodePkt, flushPkt } from './pkt-line.ts';

/** The arguments of `object-info`. */
export interface ObjectInfoRequest {
  /** Sizes are asked for, not only whether the objects are there. */
  readonly size: boolean;
  /** As the client asked, in order, with repetitions. */
  readonly objectIds: readonly string[];
}

/** Reads the arguments of `object-info`; PROTOCOL_ERROR with git's words for one that is malformed. */
export function parseObjectInfo(args: readonly string[], format: ObjectFormat): ObjectInfoRequest {
  let size = false;
  const objectIds: string[] = [];
  for (const arg of args) {
    if (arg === 'size') size = true;
    else if (arg.startsWith('oid ')) objectIds.push(arg.slice('oid '.length));
    else throw new StratumError('PROTOCOL_ERROR', `object-info: unexpected line: '${arg.slice(0, 200)}'`);
  }
  // Lines first, ids second, as git does: of two faults it tells the line.
  const bad = objectIds.find((id) => !isObjectId(id, format));
  if (bad === undefined) return { size, objectIds };
  const message = `object-info: protocol error, expected to get oid, not '${bad.slice(0, 200)}'`;
  throw new StratumError('PROTOCOL_ERROR', message);
}

/**
 * The response to `object-info`: the name of what is told, then a line an object. `sizes` are the bytes of each
 * object's content by its id. What has none is shown as what the repository does not have: its id, a space
 * and nothing, whether sizes were asked for or not.
 */
export function encodeObjectInfo(request: ObjectInfoRequest, sizes: ReadonlyMap<string, number>): Iterable<Buffer> {
  return inBatches(
    (function* () {
      // Unlike other lines of the protocol, git ends none of these with a newline.
      if (request.size && request.objectIds.length > 0) yield encodePkt('size');
      for (const id of request.objectIds) yield encodePkt(infoOf(id, sizes.get(id), request.size));
      yield flushPkt;
    })(),
  );
}

function infoOf(id: string, size: number | undefined, showsSize: boolean): string {
  if (size === undefined) return `${id} `;
  return showsSize ? `${id} ${size}` : id;
}
