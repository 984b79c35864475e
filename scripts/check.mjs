// `npm run check`: types, lint and format, layers, dead code, protocol; two at a time. Prints each one's time, the
// output of those that failed, and ends with 1 if there are any.
import { spawn } from 'node:child_process';
import { existsSync, readdirSync, statSync } from 'node:fs';
import { availableParallelism } from 'node:os';
import { dirname, join } from 'node:path';
import { fileURLToPath } from 'node:url';

const root = dirname(dirname(fileURLToPath(import.meta.url)));
const bin = join(root, 'node_modules', '.bin');
const { FORCE_COLOR: _, ...inherited } = process.env;
const colour = process.stdout.isTTY ? { FORCE_COLOR: '1' } : { NO_COLOR: '1' };
const env = { ...inherited, ...colour, PATH: `${bin}:${process.env.PATH}` };

const generate = ['generate', process.execPath, [join(root, 'scripts', 'generate.mjs')]];
const checks = [
  ['protocol lint', 'buf', ['lint']],
  ['protocol format', 'buf', ['format', '--diff', '--exit-code']],
  ['types', 'tsc', ['-p', '.']],
  ['lint and format', 'biome', ['check', '--error-on-warnings', '--max-diagnostics=100', '.']],
  ['layers', 'depcruise', ['--config', '.dependency-cruiser.mjs', '--output-type', 'err-long', 'src']],
  ['dead code', 'knip', ['--no-progress', '--no-gitignore', '--treat-config-hints-as-errors']],
];

const started = performance.now();
const results = [];
if (generatedIsOlder()) results.push(await check(generate));
if (results.every(({ failed }) => !failed)) results.push(...(await checkAll(checks)));

for (const { name, output } of results.filter(({ failed }) => failed)) console.log(`\n--- ${name}\n${output.trim()}`);
const failures = results.filter(({ failed }) => failed).length;
const seconds = ((performance.now() - started) / 1000).toFixed(1);
console.log(
  `${failures === 0 ? 'all checks passed' : `${failures} of ${results.length} checks failed`} in ${seconds} s`,
);
process.exitCode = failures === 0 ? 0 : 1;

async function checkAll(list) {
  const waiting = [...list];
  const done = [];
  const worker = async () => {
    for (let next = waiting.shift(); next !== undefined; next = waiting.shift()) done.push(await check(next));
  };
  await Promise.all(Array.from({ length: Math.min(2, availableParallelism()) }, worker));
  return done;
}

function check([name, command, args]) {
  const begun = performance.now();
  return new Promise((resolve) => {
    const child = spawn(command, args, { cwd: root, env, stdio: ['ignore', 'pipe', 'pipe'] });
    let output = '';
    const collect = (chunk) => {
      output += chunk;
    };
    child.stdout.on('data', collect);
    child.stderr.on('data', collect);
    const end = (failed) => {
      const milliseconds = String(Math.round(performance.now() - begun)).padStart(6);
      console.log(`${failed ? 'FAIL' : 'ok  '} ${name.padEnd(16)} ${milliseconds} ms`);
      resolve({ name, failed, output });
    };
    child.on('error', (error) => {
      output += error.message;
      end(true);
    });
    child.on('close', (code) => end(code !== 0));
  });
}

/** Whether src/rpc/gen is missing, or older than a file that it is made from. */
function generatedIsOlder() {
  const descriptor = join(root, 'src', 'rpc', 'gen', 'descriptor.ts');
  if (!existsSync(descriptor)) return true;
  const protos = readdirSync(join(root, 'proto'), { recursive: true }).map((name) => join(root, 'proto', name));
  const sources = [...protos, join(root, 'buf.gen.yaml'), join(root, 'scripts', 'generate.mjs')];
  return Math.max(...sources.map((file) => statSync(file).mtimeMs)) > statSync(descriptor).mtimeMs;
}
