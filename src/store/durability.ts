/**
 * What a node has done when it acknowledges a write. `disk`: it is on its disk. `quorum`: it is in
 * the operating system's hands, which outlives the process but not the machine; until the next flush
 * only copies on other machines hold it, and after a crash of the machine the node starts anew, empty.
 */
export type Durability = (typeof durabilities)[number];

/** All of them. */
export const durabilities = ['disk', 'quorum'] as const;
