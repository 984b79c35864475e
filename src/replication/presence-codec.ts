import { BlobPresence as PresenceMessage } from '../rpc/gen/stratum/v1/object.ts';
import type { BlobPresence } from '../store/blob-store.ts';

const toWire: Readonly<Record<BlobPresence, PresenceMessage>> = {
  PRESENT: PresenceMessage.PRESENT,
  MISSING: PresenceMessage.MISSING,
  CORRUPT: PresenceMessage.CORRUPT,
  UNKNOWN: PresenceMessage.UNKNOWN,
};

const fromWire = new Map(Object.entries(toWire).map(([name, number]) => [number, name as BlobPresence]));

/** The wire's number of a presence. */
export function encodePresence(presence: BlobPresence): PresenceMessage {
  return toWire[presence];
}

/** A presence from the wire; one that this version does not know is "cannot say". */
export function decodePresence(number: PresenceMessage): BlobPresence {
  return fromWire.get(number) ?? 'UNKNOWN';
}
