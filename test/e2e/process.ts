import { spawn } from 'node:child_process';

/** What a finished process left. */
export interface Finished {
  readonly code: number | null;
  readonly signal: NodeJS.Signals | null;
  readonly stdout: string;
  readonly stderr: string;
}

/** How to run a process. */
export interface RunOptions {
  readonly cwd?: string;
  readonly env?: Readonly<Record<string, string>>;
  readonly input?: string | Buffer;
  /** Milliseconds until it is killed, with all that it printed in the error. */
  readonly timeoutMs?: number;
}

/** Runs a process to its end, whatever its exit code. */
export function run(command: string, args: readonly string[], options: RunOptions = {}): Promise<Finished> {
  return new Promise((resolve, reject) => {
    const child = spawn(command, args, { cwd: options.cwd, env: { PATH: process.env.PATH, ...options.env } });
    const output = { stdout: '', stderr: '' };
    child.stdout.setEncoding('utf8').on('data', (text: string) => {
      output.stdout += text;
    });
    child.stderr.setEncoding('utf8').on('data', (text: string) => {
      output.stderr += text;
    });
    const timeoutMs = options.timeoutMs ?? 120_000;
    const timer = setTimeout(() => {
      child.kill('SIGKILL');
      reject(new Error(`${command} ${args.join(' ')} ran for ${timeoutMs} ms\n${output.stdout}\n${output.stderr}`));
    }, timeoutMs);
    child.on('error', reject);
    child.on('close', (code, signal) => {
      clearTimeout(timer);
      resolve({ code, signal, ...output });
    });
    child.stdin.on('error', () => undefined); // A process that ends without reading its input says so by its exit code.
    child.stdin.end(options.input);
  });
}

/** Runs a process that must succeed; the error shows what it printed. */
export async function succeed(command: string, args: readonly string[], options: RunOptions = {}): Promise<string> {
  const finished = await run(command, args, options);
  if (finished.code !== 0) {
    const end = finished.signal ?? `code ${finished.code}`;
    throw new Error(`${command} ${args.join(' ')} ended with ${end}\n${finished.stdout}\n${finished.stderr}`);
  }
  return finished.stdout;
}
