import { readFileSync } from 'node:fs';
import { describe, expect, it } from 'vitest';
import { runCommand } from '../../cli/run-command.ts';

describe('stratum completion zsh', () => {
  it('prints the script as it stands in completions/', async () => {
    const script = readFileSync(new URL('../../../../completions/stratum.zsh', import.meta.url), 'utf8');
    expect(await runCommand(['completion', 'zsh'])).toMatchObject({ exitCode: 0, stdout: script, stderr: '' });
  });
});
