// etcd3 and the gRPC health and reflection packages read .proto files from their own folders when they are loaded. In the
// bundle there are no such folders: the parsed definitions take the place of the file names.
import { readFileSync } from 'node:fs';
import { createRequire } from 'node:module';
import { dirname, join } from 'node:path';

const sources = [
  {
    module: /node_modules\/grpc-health-check\/build\/src\/health\.js$/,
    call: "(0, proto_loader_1.loadSync)('health/v1/health.proto', {",
    inlined: (json) => `(0, proto_loader_1.fromJSON)(${json}, {`,
    proto: '../../proto/health/v1/health.proto',
    keepCase: true,
  },
  {
    module: /node_modules\/etcd3\/lib\/connection-pool\.js$/,
    // biome-ignore lint/suspicious/noTemplateCurlyInString: the package's own text, to be found as it stands.
    call: '(0, proto_loader_1.loadSync)(`${__dirname}/../proto/rpc.proto`, {',
    inlined: (json) => `(0, proto_loader_1.fromJSON)(${json}, {`,
    proto: '../proto/rpc.proto',
    keepCase: true,
  },
  ...['v1', 'v1alpha'].map((version) => ({
    module: new RegExp(`node_modules/@grpc/reflection/build/src/implementations/reflection-${version}\\.js$`),
    call: 'protoLoader.loadSync(protoPath, ',
    inlined: (json) => `protoLoader.fromJSON(${json}, `,
    proto: `../../proto/grpc/reflection/${version}/reflection.proto`,
    keepCase: false,
  })),
];

/** The esbuild plugin. A package that has changed its code fails the build, not the program. */
export const inlineProtos = {
  name: 'inline-protos',
  setup(esbuild) {
    for (const source of sources) {
      esbuild.onLoad({ filter: source.module }, ({ path }) => {
        const text = readFileSync(path, 'utf8');
        if (!text.includes(source.call)) return { errors: [{ text: `${path} no longer says ${source.call}` }] };
        const json = definitionOf(join(dirname(path), source.proto), source.keepCase);
        return { contents: text.replace(source.call, () => source.inlined(json)), loader: 'js' };
      });
    }
  },
};

function definitionOf(file, keepCase) {
  const require = createRequire(createRequire(import.meta.url).resolve('@grpc/proto-loader'));
  const protobuf = require('protobufjs');
  // What it imports is found beside it.
  const root = new protobuf.Root().loadSync(file, { keepCase });
  return JSON.stringify(root.toJSON());
}
