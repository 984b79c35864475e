import { spawnSync } from 'node:child_process';
import { encodePkt } from '../../../src/git/pkt-line.ts';

/** What `git upload-pack` answers to a body of protocol v2. */
export interface RealAnswer {
  readonly exitCode: number | null;
  readonly stdout: Buffer;
  /** Without progress, which comes in the response. */
  readonly stderr: string;
}

const environment = {
  PATH: process.env.PATH,
  HOME: '/nonexistent',
  LC_ALL: 'C',
  GIT_CONFIG_NOSYSTEM: '1',
  GIT_CONFIG_GLOBAL: '/dev/null',
  GIT_PROTOCOL: 'version=2',
};

/** The settings that a frontend gives, and object-info, which a frontend answers itself. */
const config = ['allowFilter', 'allowAnySHA1InWant', 'allowRefInWant'].map((name) => `uploadpack.${name}=true`);
const settings = [...config, 'transfer.advertiseObjectInfo=true'].flatMap((entry) => ['-c', entry]);

/** Asks the installed git. */
export function askRealGit(gitDir: string, body: Buffer, ...options: string[]): RealAnswer {
  const args = [...settings, 'upload-pack', '--stateless-rpc', '--strict', ...options, gitDir];
  const run = spawnSync('git', args, { env: environment, input: body, maxBuffer: 2 ** 28 });
  return { exitCode: run.status, stdout: run.stdout, stderr: run.stderr.toString() };
}

/** A body of protocol v2 with the arguments as given. */
export function rawBody(command: string, args: readonly string[], capabilities: readonly string[] = []): Buffer {
  const line = (text: string) => encodePkt(`${text}\n`);
  return Buffer.concat([
    ...[`command=${command}`, ...capabilities].map(line),
    Buffer.from('0001'),
    ...args.map(line),
    Buffer.from('0000'),
  ]);
}
