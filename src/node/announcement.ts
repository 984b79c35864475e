/** Joins who has something to announce to who can, whichever of them is made first. */
export class Announcement {
  #announce: () => void = () => undefined;

  /** From now on announcements go there; what was announced before was said at its start. */
  madeBy(announce: () => void): void {
    this.#announce = announce;
  }

  make(): void {
    this.#announce();
  }
}
