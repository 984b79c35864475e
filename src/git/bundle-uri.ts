import { StratumError } from '../base/errors.ts';
import { encodePkt, flushPkt } from './pkt-line.ts';

/** A bundle that a client may take from a URI before it fetches the rest. */
export interface BundleLocation {
  /** Names it in the list: letters, digits and '-'. */
  readonly id: string;
  /**
   * With a scheme, or relative to the repository's own URL as in "bundles/1.bundle". Not a path from the
   * root: a client takes that for a file of its own machine.
   */
  readonly uri: string;
  /** Grows with each later bundle of the repository; a client takes only those above the last one it knows. */
  readonly creationToken?: bigint;
}

/** Reads the arguments of `bundle-uri`, which has none; PROTOCOL_ERROR with git's words for any. */
export function parseBundleUri(args: readonly string[]): void {
  const [first] = args;
  if (first === undefined) return;
  throw new StratumError('PROTOCOL_ERROR', `bundle-uri: unexpected argument: '${first.slice(0, 200)}'`);
}

/**
 * The response to `bundle-uri`: a list of bundles that a client needs all of (git help bundle-uri).
 * When each has a creation token the client is told to choose by it. Without bundles the list is empty.
 */
export function encodeBundleUri(bundles: readonly BundleLocation[]): Buffer {
  const lines = [...linesOf(bundles)];
  return Buffer.concat([...lines.map((line) => encodePkt(line)), flushPkt]);
}

function* linesOf(bundles: readonly BundleLocation[]): Generator<string, void, undefined> {
  if (bundles.length === 0) return;
  yield 'bundle.version=1';
  yield 'bundle.mode=all';
  const haveTokens = bundles.every((bundle) => bundle.creationToken !== undefined);
  if (haveTokens) yield 'bundle.heuristic=creationToken';
  for (const { id, uri, creationToken } of bundles) {
    yield `bundle.${id}.uri=${uri}`;
    // In lower case, as git sends what it reads from its configuration; its client knows no other spelling.
    if (haveTokens) yield `bundle.${id}.creationtoken=${creationToken}`;
  }
}
