import { join } from 'node:path';
import { type Finished, run, succeed } from './process.ts';

const identity = {
  GIT_AUTHOR_NAME: 'Ada',
  GIT_AUTHOR_EMAIL: 'ada@example.org',
  GIT_COMMITTER_NAME: 'Ada',
  GIT_COMMITTER_EMAIL: 'ada@example.org',
  GIT_CONFIG_NOSYSTEM: '1',
  GIT_CONFIG_GLOBAL: '/dev/null',
  GIT_TERMINAL_PROMPT: '0',
};

/** The real git, with no configuration but the repository's own. */
export class GitClient {
  readonly folder: string;

  constructor(folder: string) {
    this.folder = folder;
  }

  /** Runs git; rejects when it fails. Gives stdout without the last newline. */
  async git(...args: string[]): Promise<string> {
    const output = await succeed('git', args, { cwd: this.folder, env: identity, timeoutMs: 300_000 });
    return output.replace(/\n$/, '');
  }

  /** Runs git that may fail. */
  attempt(...args: string[]): Promise<Finished> {
    return run('git', args, { cwd: this.folder, env: identity, timeoutMs: 300_000 });
  }

  /** Runs git with input. */
  feed(input: string | Buffer, ...args: string[]): Promise<string> {
    return succeed('git', args, { cwd: this.folder, env: identity, input, timeoutMs: 300_000 });
  }

  /** Clones `url` into a folder beside this one. */
  async clone(url: string, name: string, ...args: string[]): Promise<GitClient> {
    const target = join(this.folder, '..', name);
    await this.git('clone', '--quiet', ...args, url, target);
    return new GitClient(target);
  }

  /** All refs as "id name" lines, by name. */
  refs(): Promise<string> {
    return this.git('for-each-ref', '--format=%(objectname) %(refname)', 'refs/heads', 'refs/tags');
  }

  /** Commits everything in the work tree. */
  async commit(message: string): Promise<string> {
    await this.git('add', '--all');
    await this.git('commit', '--quiet', '--allow-empty', '--message', message);
    return this.git('rev-parse', 'HEAD');
  }
}
