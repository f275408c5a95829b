// Which tabs of this browser read a session's stream: a browser gives six connections to a host, and ten tabs
// must not starve each other. A few places, each a Web Lock; who was used longest ago gives way.

const PLACES = 3;
const name = (place: number) => `ambient-stream-${place}`;

/** Where each place keeps when its tab was used last. */
export type Memory = Pick<Storage, "getItem" | "setItem">;

/** This tab's place, shared by all that it reads. */
export class Turn {
  #place: number | null = null;
  #taking: Promise<boolean> | null = null;
  #release: () => void = () => {};
  #users = new Map<object, () => void>();

  constructor(
    /** Undefined without a secure context: a tab then has a place for as long as it is seen. */
    private readonly locks: Pick<LockManager, "request"> | undefined,
    private readonly memory: Memory,
    private readonly clock: () => number = Date.now,
  ) {}

  /**
   * Have a place, until `leave`. Returns whether there is one.
   * seen: a person looks at this tab, so another one may be sent away; lost: told when that happens to us.
   */
  async join(user: object, seen: boolean, lost: () => void): Promise<boolean> {
    if (!this.locks) return seen;
    this.#users.set(user, lost);
    if (this.#place === null) {
      this.#taking ??= this.#take(this.locks, seen).finally(() => {
        this.#taking = null;
      });
      await this.#taking;
    }
    if (this.#place === null) this.#users.delete(user);
    else if (!this.#users.size) this.#let();
    return this.#place !== null && this.#users.has(user);
  }

  /** Do without. Another page of this tab may want the place in the same moment, so it is kept for that long. */
  leave(user: object): void {
    this.#users.delete(user);
    setTimeout(() => {
      if (!this.#users.size) this.#let();
    }, 50);
  }

  /** A person did something in this tab. */
  used(): void {
    if (this.#place !== null) this.memory.setItem(name(this.#place), String(this.clock()));
  }

  #let(): void {
    this.#place = null;
    this.#release();
    this.#release = () => {};
  }

  async #take(locks: Pick<LockManager, "request">, seen: boolean): Promise<boolean> {
    for (let place = 0; place < PLACES; place += 1) {
      if (await this.#hold(locks, place, { ifAvailable: true })) return true;
    }
    return seen && this.#hold(locks, this.#longestAgo(), { steal: true });
  }

  #longestAgo(): number {
    const times = Array.from({ length: PLACES }, (_, place) => Number(this.memory.getItem(name(place)) ?? 0));
    return times.indexOf(Math.min(...times));
  }

  #hold(locks: Pick<LockManager, "request">, place: number, how: LockOptions): Promise<boolean> {
    return new Promise((told) => {
      const held = (lock: Lock | null) => {
        if (!lock) return told(false);
        this.#place = place;
        this.used();
        told(true);
        return new Promise<void>((resolve) => {
          this.#release = resolve;
        });
      };
      locks.request(name(place), how, held).catch(() => {
        told(false);
        this.#sentAway(place);
      });
    });
  }

  #sentAway(place: number): void {
    if (this.#place !== place) return;
    this.#place = null;
    const told = [...this.#users.values()];
    this.#users.clear();
    for (const lost of told) lost();
  }
}
