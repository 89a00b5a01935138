import type pg from 'pg'

/** A pool that answers by itself, in this process, as a Postgres of that role would. */
export class InstantPool {
  readonly options: object = {}
  readonly #client: { query(text: unknown): Promise<object>; release(): void }

  constructor(role: 'primary' | 'replica') {
    const said = [String(role === 'replica'), '17', '77', '00000001', '0/10', '0/10', '0', '0']
    const greeting = { command: 'SELECT', rowCount: 1, rows: [{ answer: JSON.stringify(said) }] }
    this.#client = {
      async query(text) {
        if (String(text).includes('pg_postmaster_start_time')) return greeting
        return { command: 'SELECT', rowCount: 1, rows: [{ id: 7, title: 'Title 7' }] }
      },
      release: () => undefined,
    }
  }

  async connect(): Promise<pg.PoolClient> {
    return this.#client as pg.PoolClient
  }

  async end(): Promise<void> {}
}
