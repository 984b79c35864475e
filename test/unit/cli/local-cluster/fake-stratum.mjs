// Stands in for the program: `node start` listens on the node's port until SIGTERM or the end of its input. The file
// behaviour.json in the cluster's folder says who behaves otherwise: "refuse", "crash" or "stubborn".
// `cluster up` reports like a supervisor in the background: what report.json in the folder says, or nothing.
import { existsSync, readFileSync, writeSync } from 'node:fs';
import { createServer } from 'node:net';
import { join } from 'node:path';
import { parse } from 'yaml';

const args = process.argv.slice(2);
const flagValue = (flag) => args[args.indexOf(flag) + 1];
const readJson = (path) => (existsSync(path) ? JSON.parse(readFileSync(path, 'utf8')) : {});

if (args[0] === 'cluster') superviseNothing();
else startNode();

function superviseNothing() {
  console.error(`asked: ${args.join(' ')}`);
  const report = join(flagValue('--data-dir'), 'nodes', 'report.json');
  if (existsSync(report)) writeSync(Number(flagValue('--report-descriptor')), readFileSync(report));
}

function startNode() {
  const config = flagValue('--config');
  const { nodeId, listen } = parse(readFileSync(config, 'utf8'));
  const behaviour = readJson(join(config, '..', 'behaviour.json'))[nodeId];
  console.log(`environment: ${JSON.stringify(process.env)}`);
  if (behaviour === 'refuse') {
    const hint = 'stop that process';
    const error = { kind: 'Error', code: 'DATA_DIR_LOCKED', message: 'another process uses it', hint, exitCode: 8 };
    console.error(JSON.stringify({ ...error, retryable: true }));
    process.exit(8);
  }
  if (behaviour === 'crash') {
    console.error('the last words');
    process.exit(70);
  }
  const port = Number(listen.split(':').at(-1));
  createServer().listen(port, '127.0.0.1');
  if (behaviour === 'stubborn') process.on('SIGTERM', () => console.log('not yet'));
  else process.on('SIGTERM', () => process.exit(0));
  process.stdin.on('end', () => process.exit(0)).resume();
}
