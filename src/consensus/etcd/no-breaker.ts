const noAbort = new AbortController().signal;
const noEvent = () => ({ dispose: () => undefined });

/**
 * How etcd3 treats one endpoint: every call is tried. By itself etcd3 refuses all calls for five
 * seconds after three failures in a row; an election of etcd would then cost the coordinators their
 * leases, which are not longer. Failed calls are tried at other endpoints all the same.
 */
export class NoBreaker {
  // etcd3's type of a policy names it; it never exists.
  declare readonly _altReturn: never;
  readonly onSuccess = noEvent;
  readonly onFailure = noEvent;

  async execute<T>(call: (context: { readonly signal: AbortSignal }) => PromiseLike<T> | T): Promise<T> {
    return await call({ signal: noAbort });
  }
}
