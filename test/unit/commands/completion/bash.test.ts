import { execFileSync } from 'node:child_process';
import { chmodSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { runCommand } from '../../cli/run-command.ts';

const script = new URL('../../../../completions/stratum.bash', import.meta.url).pathname;

describe('stratum completion bash', () => {
  it('prints the script as it stands in completions/', async () => {
    const text = readFileSync(script, 'utf8');
    expect(await runCommand(['completion', 'bash'])).toMatchObject({ exitCode: 0, stdout: text, stderr: '' });
  });
});

describe('the script in a real bash', () => {
  let folder: string;
  beforeAll(() => {
    folder = mkdtempSync(join(tmpdir(), 'stratum-bash-'));
    writeFileSync(join(folder, 'some-file'), '');
    // Stands in for the program: tells what it was asked, and answers as each test wants.
    writeFileSync(join(folder, 'stratum'), '#!/bin/bash\nprintf "%s\\n" "$@" >asked\nprintf -- "$ANSWER"\n');
    chmodSync(join(folder, 'stratum'), 0o755);
  });
  afterAll(() => rmSync(folder, { recursive: true }));

  /** What bash would offer for a line with the cursor at its end. */
  function offers(line: string, answer: string): { replies: string[]; asked: string[] } {
    const program =
      'source "$SCRIPT"; COMP_LINE="$LINE"; COMP_POINT=${#LINE}; _stratum; printf "%s\\n" "${COMPREPLY[@]}"';
    const env = { PATH: `${folder}:${process.env.PATH}`, SCRIPT: script, LINE: line, ANSWER: answer };
    const output = execFileSync('bash', ['--norc', '-c', program], { cwd: folder, env, encoding: 'utf8' });
    const asked = readFileSync(join(folder, 'asked'), 'utf8').split('\n').slice(0, -1);
    return { replies: output.split('\n').filter((reply) => reply !== ''), asked };
  }

  it('asks with the words up to the cursor, an empty one included', () => {
    const { replies, asked } = offers('stratum repo ', 'create\\tCreate\\nlist\\tList\\n');
    expect(asked).toEqual(['complete', '--', 'repo', '']);
    expect(replies).toEqual(['create', 'list']);
  });

  it('replaces only what bash takes for the word', () => {
    expect(offers('stratum version --format=js', '--format=json\\t\\n').replies).toEqual(['json']);
    expect(offers('stratum leader show --scope partition:', 'partition:0\\t\\n').replies).toEqual(['0']);
  });

  it('offers files where the program leaves it to the shell', () => {
    expect(offers('stratum object put some', ':files\\n').replies).toEqual(['some-file']);
  });
});
