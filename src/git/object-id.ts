import { StratumError } from '../base/errors.ts';

/** The hash that a Git repository names its objects by, as `object-format` spells it. */
export type ObjectFormat = 'sha1' | 'sha256';

/** Every format that Stratum stores. */
export const objectFormats: readonly ObjectFormat[] = ['sha1', 'sha256'];

const hexDigits: Readonly<Record<ObjectFormat, number>> = { sha1: 40, sha256: 64 };

/** Hex digits of an object id: 40 or 64. */
export function hexDigitsOf(format: ObjectFormat): number {
  return hexDigits[format];
}

/** The id of all zeros: "no object" in a ref command. */
export function zeroId(format: ObjectFormat): string {
  return '0'.repeat(hexDigits[format]);
}

/** Whether an id means "no object", in either format. */
export function isZeroId(objectId: string): boolean {
  return /^(0{40}|0{64})$/.test(objectId);
}

/** Whether text is an object id of the format, in lower-case hex as the protocol has it. */
export function isObjectId(text: string, format: ObjectFormat): boolean {
  return text.length === hexDigits[format] && /^[0-9a-f]+$/.test(text);
}

/** The format of an object id by its length; undefined when it is neither. */
export function formatOfId(text: string): ObjectFormat | undefined {
  return objectFormats.find((format) => isObjectId(text, format));
}

/** A format from its name in a capability; PROTOCOL_ERROR when there is no such format. */
export function parseObjectFormat(text: string): ObjectFormat {
  const found = objectFormats.find((format) => format === text);
  if (found !== undefined) return found;
  throw new StratumError('PROTOCOL_ERROR', `unknown object format '${text.slice(0, 64)}'`, undefined, {
    hint: `Use one of ${objectFormats.join(', ')}.`,
  });
}
