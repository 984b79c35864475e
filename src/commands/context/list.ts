import { BaseCommand } from '../../cli/base-command.ts';
import { contextListing } from '../../cli/listings/context-listing.ts';

/** `stratum context list` */
export default class ContextList extends BaseCommand {
  static override id = 'context:list';
  static override summary = 'List the clusters that this user has configured';
  static override examples = ['stratum context list', 'stratum context list -o json'];

  override async run(): Promise<undefined> {
    await this.parse(ContextList);
    const file = await this.contexts.read();
    await this.print(contextListing(file, file.contexts));
    return undefined;
  }
}
