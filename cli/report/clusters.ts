/** Finds which users are linked, also through others: a union-find over pairs of users. */
export class Clusters {
  readonly #places = new Map<number, number>();
  readonly #parents: number[] = [];
  readonly #sizes: number[] = [];

  /** Puts both users into the same cluster. */
  link(one: number, other: number): void {
    const [a, b] = [this.#root(this.#place(one)), this.#root(this.#place(other))];
    if (a === b) return;
    const [large, small] = this.#sizes[a]! >= this.#sizes[b]! ? [a, b] : [b, a];
    this.#parents[small] = large;
    this.#sizes[large] = this.#sizes[large]! + this.#sizes[small]!;
  }

  /** How many users are in the largest cluster; 0 where nobody is linked. */
  largest(): number {
    let largest = 0;
    for (const size of this.#sizes) largest = Math.max(largest, size);
    return largest;
  }

  /** How many users are linked to another. */
  users(): number {
    return this.#parents.length;
  }

  #place(user: number): number {
    const known = this.#places.get(user);
    if (known !== undefined) return known;
    const place = this.#parents.length;
    this.#places.set(user, place);
    this.#parents.push(place);
    this.#sizes.push(1);
    return place;
  }

  #root(place: number): number {
    let root = place;
    while (this.#parents[root] !== root) {
      // halves the way for the next question
      this.#parents[root] = this.#parents[this.#parents[root]!]!;
      root = this.#parents[root]!;
    }
    return root;
  }
}
