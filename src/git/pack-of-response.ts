import { ByteReader } from './byte-reader.ts';
import { pktText, readPkt } from './pkt-line.ts';

/** The pack in a response to a fetch of protocol v2, without what is around it; nothing when there is none. */
export async function* packOfResponse(response: AsyncIterable<Buffer>): AsyncGenerator<Buffer, void, undefined> {
  const reader = new ByteReader(response);
  let isInPack = false;
  for (let pkt = await readPkt(reader); pkt !== undefined; pkt = await readPkt(reader)) {
    if (pkt.kind !== 'data') continue;
    if (!isInPack) isInPack = pktText(pkt.payload) === 'packfile';
    else if (pkt.payload[0] === 1) yield pkt.payload.subarray(1);
  }
}
