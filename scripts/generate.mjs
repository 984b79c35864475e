// Generates src/rpc/gen from proto/: messages, services and the descriptor for gRPC reflection.
import { execFileSync } from 'node:child_process';
import { mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { dirname, join } from 'node:path';
import { fileURLToPath } from 'node:url';

const root = dirname(dirname(fileURLToPath(import.meta.url)));
const bin = join(root, 'node_modules', '.bin');
const env = { ...process.env, PATH: `${bin}:${process.env.PATH}` };
const buf = (...args) => execFileSync(join(bin, 'buf'), args, { cwd: root, env, stdio: 'inherit' });

buf('generate');
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
