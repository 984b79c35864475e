// Holds the lock of a folder until it is killed: run by folder-lock.test.ts as a process of its own.
import { FolderLock } from '../../../src/store/folder-lock.ts';

await FolderLock.acquire(process.argv[2] ?? '');
process.stdout.write('locked\n');
process.stdin.resume();
