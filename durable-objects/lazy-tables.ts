// Tables of an object that most objects never need: made with the first row, so that one that is only asked about
// writes nothing.

/** What is used of an object's SQLite. */
type Sql = { exec(query: string, ...given: string[]): { toArray(): unknown[] } };

export class LazyTables<S extends Sql> {
  readonly #sql: S;
  readonly #schema: string;
  readonly #first: string;
  #there = false;

  /**
   * `schema` makes what is not there yet, and runs again where its tables are: so a newer version of it may have further
   * tables and indexes, but no further columns of a table. `first` is one of the tables.
   */
  constructor(sql: S, schema: string, first: string) {
    this.#sql = sql;
    this.#schema = schema;
    this.#first = first;
  }

  /** To read from; undefined where nothing was ever written. */
  toRead(): S | undefined {
    if (this.#there) return this.#sql;
    const named = "select 1 from sqlite_master where name = ?";
    return this.#sql.exec(named, this.#first).toArray().length === 0 ? undefined : this.toWrite();
  }

  /** To write to. */
  toWrite(): S {
    if (!this.#there) this.#sql.exec(this.#schema);
    this.#there = true;
    return this.#sql;
  }
}
