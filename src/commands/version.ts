import { BaseCommand } from '../cli/base-command.ts';
import { stratumVersion } from '../cli/version.ts';

/** `stratum version` */
export default class Version extends BaseCommand {
  static override id = 'version';
  static override summary = 'Show the version of this binary';
  static override examples = ['stratum version', 'stratum version --field version'];

  override async run(): Promise<undefined> {
    await this.parse(Version);
    const item = { name: 'stratum', version: stratumVersion, node: process.versions.node, platform: platform() };
    await this.print({
      kind: 'Version',
      items: [item],
      rows: [item],
      columns: [
        { header: 'name', value: ({ name }) => name },
        { header: 'version', value: ({ version }) => version },
        { header: 'node', value: ({ node }) => node, wide: true },
        { header: 'platform', value: (each) => each.platform, wide: true },
      ],
      name: ({ version }) => `version/${version}`,
    });
    return undefined;
  }
}

function platform(): string {
  return `${process.platform}-${process.arch}`;
}
