import { describe, expect, it } from 'vitest';
import { StratumError } from '../../../src/base/errors.ts';
import { FakeCluster } from './fake-cluster.ts';
import { runCommand } from './run-command.ts';

describe('the help', () => {
  it.each([[[]], [['--help']], [['help']], [['-h']]])(
    'of the program is what %j shows, with examples first',
    async (argv) => {
      const { exitCode, stdout, stderr } = await runCommand(argv);
      expect({ exitCode, stderr }).toEqual({ exitCode: 0, stderr: '' });
      expect(stdout.indexOf('EXAMPLES')).toBeGreaterThan(0);
      expect(stdout.indexOf('EXAMPLES')).toBeLessThan(stdout.indexOf('COMMANDS'));
      expect(stdout).toContain('ring locate');
      expect(stdout).not.toMatch(/^ +complete\b/m);
    },
  );

  it.each([[['repo', 'create', '--help']], [['help', 'repo', 'create']], [['repo', 'create', 'a/b', '-h']]])(
    'of a command is what %j shows, with examples first',
    async (argv) => {
      const { exitCode, stdout } = await runCommand(argv);
      expect(exitCode).toBe(0);
      expect(stdout).toContain('--object-format');
      expect(stdout.indexOf('EXAMPLES')).toBeLessThan(stdout.indexOf('USAGE'));
      expect(stdout).toContain('$ stratum repo create');
    },
  );

  it.each([[['repo']], [['repo', '--help']], [['help', 'repo']]])('of a topic is what %j shows', async (argv) => {
    const { exitCode, stdout } = await runCommand(argv);
    expect(exitCode).toBe(0);
    expect(stdout).toContain('repo create');
    expect(stdout).not.toContain('ring locate');
  });

  it('is not asked for behind "--"', async () => {
    const { stdout } = await runCommand(['complete', '--', '--help']);
    expect(stdout).not.toContain('USAGE');
  });
});

describe('a command line that is wrong', () => {
  const cases: readonly [string, string[], RegExp, RegExp][] = [
    ['a mistyped topic', ['rpeo', 'list'], /no command "rpeo list"/, /"stratum repo list"/],
    ['a mistyped command', ['repo', 'lst'], /no command "repo lst"/, /"stratum repo list"/],
    ['a word alone', ['verison'], /no command "verison"/, /"stratum version"/],
    ['nonsense', ['frobnicate', 'everything'], /no command "frobnicate everything"/, /--help/],
    ['a mistyped flag', ['repo', 'list', '--feild', 'x'], /unknown flag --feild/, /--field/],
    ['a mistyped flag with a value', ['repo', 'list', '--pefix=x'], /unknown flag --pefix$/m, /--prefix/],
    ['an unknown short flag', ['repo', 'list', '-q'], /unknown flag -q/, /--help/],
    ['a missing argument', ['repo', 'show'], /missing argument REPO/, /repo show --help/],
    ['an argument too many', ['repo', 'list', 'x'], /unexpected argument "x"/, /--help/],
    ['a flag without its value', ['repo', 'list', '--prefix'], /--prefix expects a value/, /--help/],
    ['a flag given twice', ['repo', 'list', '--prefix', 'a', '--prefix', 'b'], /only be specified once/, /--help/],
    ['an unknown form', ['version', '-o', 'xml'], /--format=xml/, /--help/],
    ['flags before the command', ['--field', 'x', 'version'], /the command comes before/, /stratum COMMAND/],
  ];
  it.each(cases)('%s ends with exit code 2, one line and a hint', async (_what, argv, message, hint) => {
    const { exitCode, stdout, stderr } = await runCommand(argv);
    expect({ exitCode, stdout }).toEqual({ exitCode: 2, stdout: '' });
    const lines = stderr.trimEnd().split('\n');
    expect(lines).toHaveLength(2);
    expect(lines[0]).toMatch(/^stratum: /);
    expect(lines[0]).toMatch(message);
    expect(lines[1]).toMatch(/^hint: /);
    expect(lines[1]).toMatch(hint);
  });

  it.each([
    [['repo', 'list', '-o', 'json', '--nope'], {}],
    [['repo', 'list', '--nope', '-ojson'], {}],
    [['repo', 'list', '--nope', '--format=json'], {}],
    [['rpeo', '--output', 'json'], {}],
    [['repo', 'lst'], { STRATUM_OUTPUT: 'json' }],
  ])('is reported as JSON for %j with %j', async (argv, env) => {
    const { exitCode, stderr } = await runCommand(argv, { env });
    expect(exitCode).toBe(2);
    expect(JSON.parse(stderr)).toMatchObject({ kind: 'Error', code: 'USAGE', exitCode: 2, retryable: false });
  });
});

describe('an error of a command', () => {
  const failing = () => {
    const cluster = new FakeCluster();
    const details = { endpoint: '127.0.0.1:1' };
    cluster.error = new StratumError('UNREACHABLE', 'no coordinator answered at 127.0.0.1:1', details);
    return cluster;
  };

  it('ends with its exit code and closes the connection', async () => {
    const cluster = failing();
    const result = await runCommand(['topology', 'show'], cluster);
    expect(result).toMatchObject({ exitCode: 7, stdout: '' });
    expect(result.stderr).toBe('stratum: no coordinator answered at 127.0.0.1:1\n');
    expect(cluster.closed).toBe(1);
  });

  it('shows a stack with --debug alone', async () => {
    expect((await runCommand(['topology', 'show', '--debug'], failing())).stderr).toMatch(/\n\s+at /);
  });

  it('is the interruption when there was one', async () => {
    const interrupted = AbortSignal.abort(new StratumError('CANCELLED', 'interrupted'));
    const { exitCode, stderr } = await runCommand(['topology', 'show'], { ...failing(), interrupted });
    expect({ exitCode, stderr }).toEqual({ exitCode: 143, stderr: 'stratum: interrupted\n' });
  });
});
