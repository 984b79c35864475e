#!/usr/bin/env node
// Starts dist/stratum.mjs. Runs under any Node since 18: when it is older than the program needs, the program is
// started once more under the Node that npm has installed into the project.
import { spawn } from 'node:child_process';
import { existsSync } from 'node:fs';
import { fileURLToPath } from 'node:url';

const nodeMajorMin = 26;
const program = new URL('../dist/stratum.mjs', import.meta.url);
const ownNode = fileURLToPath(new URL('../node_modules/node/bin/node', import.meta.url));

if (!existsSync(program)) {
  fail('dist/stratum.mjs is not built', 'npm run build');
} else if (Number.parseInt(process.versions.node, 10) >= nodeMajorMin) {
  await import(program.href);
} else if (!existsSync(ownNode)) {
  fail(`Node ${nodeMajorMin} is needed, this is ${process.versions.node}`, 'npm ci');
} else {
  restart();
}

function restart() {
  const child = spawn(ownNode, process.argv.slice(1), { stdio: 'inherit' });
  // Ctrl-C on a terminal reaches the child by itself; sending it again would look like an impatient second one.
  const forwarded = process.stdin.isTTY ? ['SIGTERM', 'SIGHUP'] : ['SIGTERM', 'SIGHUP', 'SIGINT', 'SIGQUIT'];
  for (const signal of forwarded) process.on(signal, () => child.kill(signal));
  if (process.stdin.isTTY) for (const signal of ['SIGINT', 'SIGQUIT']) process.on(signal, () => undefined);
  child.on('error', (error) => fail(`${ownNode} does not start: ${error.message}`, 'npm ci'));
  child.on('exit', (code, signal) => {
    if (signal === null) process.exit(code ?? 1);
    process.removeAllListeners(signal);
    process.kill(process.pid, signal);
  });
}

function fail(message, command) {
  console.error(`stratum: ${message}\nhint: run ${command}`);
  process.exitCode = 1;
}
