import { type CutDirection, Network } from './tcp-proxy.ts';

/** Nobody's name: a cut of it makes the network look who has begun which connection, and loses nothing. */
const nobody = 'nobody';

/** Whom a party is cut off from: everybody, or these. */
export interface Cut {
  readonly party: string;
  readonly direction: CutDirection;
  /** Absent for everybody. */
  readonly from?: readonly string[];
}

/** A network that can also lose the traffic between two parties alone. */
export class PairNetwork extends Network {
  #pair: Cut | undefined;

  /** From now on; one cut at a time. */
  separate(wanted: Cut): void {
    this.#pair = wanted.from === undefined ? undefined : wanted;
    if (this.#pair === undefined) this.cut(wanted.party, wanted.direction);
    else this.cut(nobody, 'both');
  }

  override heal(): void {
    this.#pair = undefined;
    super.heal();
  }

  override isLost(from: string, to: string): boolean {
    if (super.isLost(from, to)) return true;
    const { party, direction, from: others = [] } = this.#pair ?? { party: nobody, direction: 'both' };
    const isSent = from === party && others.includes(to);
    const isReceived = to === party && others.includes(from);
    return (isSent && direction !== 'received') || (isReceived && direction !== 'sent');
  }
}
