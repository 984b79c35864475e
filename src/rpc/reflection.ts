import type { handleBidiStreamingCall, MethodDefinition, Server, ServerDuplexStream } from '@grpc/grpc-js';

type Method = MethodDefinition<unknown, unknown>;
type Handler = handleBidiStreamingCall<unknown, unknown>;

/** A method of the reflection library with its handler. */
interface LoadedMethod {
  readonly definition: Method;
  readonly handler: Handler;
}

/** The two published versions of the reflection service; both have one method. */
const methodPaths = [
  '/grpc.reflection.v1.ServerReflection/ServerReflectionInfo',
  '/grpc.reflection.v1alpha.ServerReflection/ServerReflectionInfo',
] as const;

/**
 * Adds gRPC reflection to a server. The library and the descriptors are loaded by the first caller:
 * they take 0.2 s and 15 MB, and most processes are never asked.
 */
export function addReflection(server: Server): void {
  let loading: Promise<readonly LoadedMethod[]> | undefined;
  for (const path of methodPaths) {
    const raw = (bytes: Buffer) => bytes;
    const definition = {
      path,
      requestStream: true,
      responseStream: true,
      requestSerialize: raw,
      requestDeserialize: raw,
      responseSerialize: raw,
      responseDeserialize: raw,
    } as const;
    const serverReflectionInfo: handleBidiStreamingCall<Buffer, Buffer> = (call) => {
      loading ??= load();
      loading
        .then((methods) => {
          const method = methods.find((each) => each.definition.path === path);
          if (method === undefined) throw new Error(`the reflection library has no ${path}`);
          method.handler(decoded(call, method.definition));
        })
        .catch((error: unknown) => call.emit('error', error));
    };
    server.addService({ serverReflectionInfo: definition }, { serverReflectionInfo });
  }
}

/** The methods that the library would have added to a server. */
async function load(): Promise<readonly LoadedMethod[]> {
  const { reflectionService } = await import('./reflection-service.ts');
  const methods: LoadedMethod[] = [];
  const recorder: Pick<Server, 'addService'> = {
    addService(service, implementation) {
      const handlers = Object.entries(implementation);
      for (const [name, definition] of Object.entries(service)) {
        const found = handlers.find(([key]) => key.toLowerCase() === name.toLowerCase());
        if (found !== undefined) methods.push({ definition, handler: found[1] as Handler });
      }
    },
  };
  reflectionService().addToServer(recorder);
  return methods;
}

/** A call of bytes as a call of the library's messages. */
function decoded(call: ServerDuplexStream<Buffer, Buffer>, definition: Method): ServerDuplexStream<unknown, unknown> {
  return new Proxy(call, {
    get(target, property) {
      if (property === 'write') return (response: unknown) => target.write(definition.responseSerialize(response));
      if (property === 'on') {
        return (event: string, listener: (value: unknown) => void) =>
          target.on(
            event,
            event === 'data' ? (bytes: Buffer) => listener(definition.requestDeserialize(bytes)) : listener,
          );
      }
      const value: unknown = Reflect.get(target, property);
      return typeof value === 'function' ? value.bind(target) : value;
    },
  }) as unknown as ServerDuplexStream<unknown, unknown>;
}
