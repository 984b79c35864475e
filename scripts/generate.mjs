// Generates src/rpc/gen from proto/: messages, services and the descriptor for gRPC reflection.
import { execFileSync } from 'node:child_process';
import { mkdtempSync, readdirSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { dirname, join } from 'node:path';
import { fileURLToPath } from 'node:url';

const root = dirname(dirname(fileURLToPath(import.meta.url)));
const bin = join(root, 'node_modules', '.bin');
const env = { ...process.env, PATH: `${bin}:${process.env.PATH}` };
const viewFunction = `
function view(bytes: Uint8Array): Buffer {
  return Buffer.from(bytes.buffer, bytes.byteOffset, bytes.byteLength);
}
`;

// Field 2, length-delimited: the chunk of both messages (proto/stratum/v1/object.proto).
const chunkMessageFunction = `
function chunkMessage(chunk: Buffer): Buffer {
  const length: number[] = [];
  for (let rest = chunk.length; ; rest >>>= 7) {
    length.push(rest > 127 ? (rest & 127) | 128 : rest);
    if (rest <= 127) break;
  }
  const message = Buffer.allocUnsafeSlow(1 + length.length + chunk.length);
  message[0] = 0x12;
  message.set(length, 1);
  message.set(chunk, 1 + length.length);
  return message;
}
`;

const buf = (...args) => execFileSync(join(bin, 'buf'), args, { cwd: root, env, stdio: 'inherit' });

buf('generate');
saveCopies();
const scratch = mkdtempSync(join(tmpdir(), 'stratum-descriptor-'));
try {
  const file = join(scratch, 'descriptor.binpb');
  buf('build', 'proto', '--exclude-source-info', '-o', file);
  const base64 = readFileSync(file).toString('base64');
  writeFileSync(
    join(root, 'src', 'rpc', 'gen', 'descriptor.ts'),
    `/** The FileDescriptorSet of proto/, base64; served by gRPC reflection. */\nexport const descriptorSetBase64 =\n  '${base64}';\n`,
  );
} finally {
  rmSync(scratch, { recursive: true, force: true });
}

/**
 * The generated code copies what it need not: an encoded message, which nobody else holds, and a chunk of a blob, which
 * it first writes into a growing buffer, and on the other side cuts out of a message that is dropped anyway. For a blob
 * of 1 GiB that is some GiB of garbage in each process, and the collector's slack with it.
 */
function saveCopies() {
  const folder = join(root, 'src', 'rpc', 'gen', 'stratum', 'v1');
  const chunkSerializers =
    /(Serialize: \(value: (?:PutBlobRequest|GetBlobResponse)\): Buffer =>) (view\(\w+\.encode\(value\)\.finish\(\)\))/g;
  for (const name of readdirSync(folder)) {
    const path = join(folder, name);
    const source = readFileSync(path, 'utf8');
    const changed = source
      .replaceAll(/Buffer\.from\((\w+\.encode\(value\)\.finish\(\))\)/g, 'view($1)')
      .replaceAll('$case: "chunk", value: Buffer.from(reader.bytes())', '$case: "chunk", value: view(reader.bytes())')
      .replaceAll(chunkSerializers, '$1 value.part?.$$case === "chunk" ? chunkMessage(value.part.value) : $2');
    const additions = [
      changed.includes('view(') ? viewFunction : '',
      changed.includes('chunkMessage(') ? chunkMessageFunction : '',
    ];
    if (changed !== source) writeFileSync(path, `${changed}${additions.join('')}`);
  }
}
