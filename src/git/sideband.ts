import { encodePkt, pktPayloadBytesMax } from './pkt-line.ts';

/** Band 1 is data, 2 is progress for people, 3 is a fatal error after which nothing follows. */
export type Band = 1 | 2 | 3;

/** Bytes that one pkt-line of side-band-64k carries beside its band. */
export const sidebandBytesMax = pktPayloadBytesMax - 1;

/** Data as pkt-lines of side-band-64k, in as few as hold it. */
export function encodeSideband(band: Band, data: string | Uint8Array): Buffer {
  const bytes = typeof data === 'string' ? Buffer.from(data) : data;
  const lines: Buffer[] = [];
  for (let at = 0; at < bytes.length; at += sidebandBytesMax) {
    const part = bytes.subarray(at, at + sidebandBytesMax);
    const payload = Buffer.allocUnsafe(1 + part.length);
    payload[0] = band;
    payload.set(part, 1);
    lines.push(encodePkt(payload));
  }
  return Buffer.concat(lines);
}

/** A pkt-line of band 1 without data: keeps proxies from ending a quiet connection, clients skip it. */
export const sidebandKeepAlive = encodePkt(Buffer.of(1));
