// `npm start`: builds, starts a local cluster named demo, makes sure that it holds a sample repository, and prints a
// clone command. Run again, it starts what is missing and pushes nothing that is there.
import { spawnSync } from 'node:child_process';
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { dirname, join } from 'node:path';
import { fileURLToPath } from 'node:url';

const root = dirname(dirname(fileURLToPath(import.meta.url)));
const stratum = (...args) => run(process.execPath, [join(root, 'bin', 'stratum.mjs'), ...args]);
const cluster = ['--name', 'demo', '--data-dir', join(root, 'out', 'demo')];
const sample = 'demo/hello.git';

// The same commits whoever runs it, whenever, whatever their git is told to do.
const gitEnvironment = {
  GIT_CONFIG_NOSYSTEM: '1',
  GIT_CONFIG_GLOBAL: '/dev/null',
  GIT_TERMINAL_PROMPT: '0',
  GIT_AUTHOR_NAME: 'Stratum',
  GIT_AUTHOR_EMAIL: 'demo@stratum.invalid',
  GIT_AUTHOR_DATE: '2026-01-01T00:00:00Z',
  GIT_COMMITTER_NAME: 'Stratum',
  GIT_COMMITTER_EMAIL: 'demo@stratum.invalid',
  GIT_COMMITTER_DATE: '2026-01-01T00:00:00Z',
};

run('git', ['--version'], {}, 'git is needed: install it and run npm start again');
run(process.execPath, [join(root, 'scripts', 'generate.mjs')]);
run(process.execPath, [join(root, 'scripts', 'build.mjs')]);
console.log('starting a cluster: 1 coordinator, 3 object nodes, 3 metadata nodes, 1 frontend');
stratum('cluster', 'up', '--detach', ...cluster);

const base = gitUrl();
const url = `${base}/${sample}`;
if (isEmpty(url)) pushSample(url);

const proxy = ['http_proxy', 'all_proxy', 'ALL_PROXY'].some((name) => process.env[name]) ? '-c http.proxy= ' : '';
console.log(`
The cluster runs in the background. Clone the sample repository:

    git ${proxy}clone ${url}

Push anything else; the first push creates the repository:

    git ${proxy}push ${base}/me/project.git --all

    bin/stratum.mjs cluster status      every process
    bin/stratum.mjs topology watch      a live view
    bin/stratum.mjs cluster down        stops it; npm start brings it back with its data
`);

function gitUrl() {
  const { items } = JSON.parse(stratum('cluster', 'status', '-o', 'json', ...cluster));
  const frontend = items.find((item) => item.gitUrl);
  if (frontend === undefined) fail('the cluster lists no frontend');
  return frontend.gitUrl.replace(/\/$/, '');
}

function isEmpty(repository) {
  const listed = spawnSync('git', ['-c', 'http.proxy=', 'ls-remote', repository], {
    env: { ...process.env, ...gitEnvironment },
    encoding: 'utf8',
  });
  // A repository that is missing is an error of ls-remote; any other error shows again in the push.
  return listed.status !== 0 || listed.stdout.trim() === '';
}

function pushSample(repository) {
  const folder = mkdtempSync(join(tmpdir(), 'stratum-sample-'));
  const git = (...args) => run('git', ['-C', folder, '-c', 'http.proxy=', ...args], gitEnvironment);
  try {
    git('init', '--quiet', '--initial-branch=main');
    commit(git, folder, 'README.md', '# Hello\n\nThis repository lives on three object nodes.\n', 'Say hello');
    commit(git, folder, 'build.sh', '#!/bin/sh\necho built\n', 'Add a build');
    git('tag', 'v1.0');
    git('switch', '--quiet', '--create', 'feature/greeting');
    commit(git, folder, 'greeting.txt', 'Good morning.\n', 'Greet');
    git('switch', '--quiet', 'main');
    git('push', '--quiet', repository, '--all');
    git('push', '--quiet', repository, '--tags');
  } finally {
    rmSync(folder, { recursive: true, force: true });
  }
}

function commit(git, folder, file, content, message) {
  writeFileSync(join(folder, file), content);
  git('add', file);
  git('commit', '--quiet', '--no-gpg-sign', '--message', message);
}

/** Runs a command to its end and returns what it printed; what it says on stderr is shown as it comes. */
function run(command, args, env = {}, hint = '') {
  const stdio = ['ignore', 'pipe', 'inherit'];
  const result = spawnSync(command, args, { cwd: root, env: { ...process.env, ...env }, encoding: 'utf8', stdio });
  if (result.status === 0) return result.stdout;
  const reason = result.error?.message ?? (result.signal === null ? `exit code ${result.status}` : result.signal);
  return fail([`${command} ${args.join(' ')}: ${reason}`, result.stdout, hint].filter(Boolean).join('\n'));
}

function fail(message) {
  console.error(`npm start: ${message}`);
  process.exit(1);
}
