import { mkdir } from 'node:fs/promises';
import { type Finished, run } from '../e2e/process.ts';

const timeoutMs = 120_000;

const environment = {
  GIT_AUTHOR_NAME: 'Ada',
  GIT_AUTHOR_EMAIL: 'ada@example.org',
  GIT_COMMITTER_NAME: 'Ada',
  GIT_COMMITTER_EMAIL: 'ada@example.org',
  GIT_CONFIG_NOSYSTEM: '1',
  GIT_CONFIG_GLOBAL: '/dev/null',
  GIT_TERMINAL_PROMPT: '0',
};

/** Users sit at machines of their own: here they shall not take the processor from the cluster. */
const niceness = '10';

/** The real git at a low priority, in a bare repository. */
export class BackgroundGit {
  readonly folder: string;

  private constructor(folder: string) {
    this.folder = folder;
  }

  static async init(folder: string): Promise<BackgroundGit> {
    await mkdir(folder, { recursive: true });
    const git = new BackgroundGit(folder);
    await git.succeed(['init', '--quiet', '--bare']);
    await git.succeed(['config', 'gc.auto', '0']);
    return git;
  }

  /** Runs git that may fail. */
  attempt(...args: readonly string[]): Promise<Finished> {
    return run('nice', ['-n', niceness, 'git', ...args], { cwd: this.folder, env: environment, timeoutMs });
  }

  /** Runs git that must succeed; gives stdout without the last newline. */
  async succeed(args: readonly string[]): Promise<string> {
    const { code, stdout, stderr } = await this.attempt(...args);
    if (code !== 0) throw new Error(`git ${args.join(' ')} ended with ${code}\n${stderr}`);
    return stdout.replace(/\n$/, '');
  }
}
