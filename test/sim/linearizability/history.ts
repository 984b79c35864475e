/** Something that a client did, as the client saw it. Moments are of one clock that all clients share. */
export interface Operation<Input, Output> {
  readonly client: string;
  readonly input: Input;
  readonly invokedAt: number;
  /** Infinite for an outcome that the client never learned. */
  readonly returnedAt: number;
  /** Undefined for an unknown outcome: it took effect at any moment after its invocation, or never does. */
  readonly output: Output | undefined;
}

/** What clients did, with an operation that is refused for certain left out: it must have had no effect. */
export type History<Input, Output> = readonly Operation<Input, Output>[];

/** An operation under way. */
export interface Invocation<Output> {
  /** The client has its answer. */
  returned(output: Output): void;
  /** The client was told that for certain nothing was done. */
  refused(): void;
}

/**
 * Records what clients do. Its moments are numbers of a sequence, so that no two things happen at once;
 * what is neither returned nor refused is of unknown outcome.
 */
export class HistoryRecorder<Input, Output> {
  readonly #operations: {
    readonly client: string;
    readonly input: Input;
    readonly invokedAt: number;
    returnedAt: number;
    output: Output | undefined;
    isRefused: boolean;
  }[] = [];
  #sequence = 0;

  invoke(client: string, input: Input): Invocation<Output> {
    this.#sequence += 1;
    const operation = {
      client,
      input,
      invokedAt: this.#sequence,
      returnedAt: Number.POSITIVE_INFINITY,
      output: undefined as Output | undefined,
      isRefused: false,
    };
    this.#operations.push(operation);
    return {
      returned: (output) => {
        this.#sequence += 1;
        operation.returnedAt = this.#sequence;
        operation.output = output;
      },
      refused: () => {
        operation.isRefused = true;
      },
    };
  }

  get history(): History<Input, Output> {
    return this.#operations
      .filter(({ isRefused }) => !isRefused)
      .map(({ client, input, invokedAt, returnedAt, output }) => ({ client, input, invokedAt, returnedAt, output }));
  }
}
