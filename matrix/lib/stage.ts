import assert from 'node:assert/strict'
import { join } from 'node:path'
import { setTimeout as sleep } from 'node:timers/promises'
import { type Lab, startLab } from '@flyroute/lab'
import pg from 'pg'
import { contents, rows, tables, tidy } from './schema.ts'

/** Where suites run: a lab with the primary in `ord` and a replica in `ams`, and rows that are the same before each operation. */
export class Stage implements AsyncDisposable {
  readonly lab: Lab
  readonly #admin: pg.Client
  readonly #replica: pg.Client
  #isTidy = true

  private constructor(lab: Lab, admin: pg.Client, replica: pg.Client) {
    this.lab = lab
    this.#admin = admin
    this.#replica = replica
  }

  /** @param command what runs in each region */
  static async open(command: readonly string[], cwd: string): Promise<Stage> {
    const lab = await startLab({ regions: ['ord', 'ams'], rtt: { 'ord-ams': 4 }, command, cwd })
    const clients = [lab.databases.primary, lab.databases.node('ams')].map(
      (node) => new pg.Client({ connectionString: node.adminUrl }),
    )
    await Promise.all(clients.map((client) => client.connect()))
    const [admin, replica] = clients as [pg.Client, pg.Client]
    const stage = new Stage(lab, admin, replica)
    await admin.query(`set role app; ${tables} reset role;`)
    await stage.reset()
    return stage
  }

  get primaryUrl(): string {
    return this.lab.databases.primary.url
  }

  get replicaUrl(): string {
    return this.lab.databases.node('ams').url
  }

  /** All as it was, in every region. */
  async reset(): Promise<void> {
    await this.#admin.query(`${this.#isTidy ? '' : tidy} ${rows}`)
    this.#isTidy = true
    await this.lab.databases.caughtUp()
  }

  /** The next reset has more than rows to see to. */
  untidy(): void {
    this.#isTidy = false
  }

  /** All rows, as the primary has them. */
  async contents(): Promise<unknown> {
    return (await this.#admin.query(contents)).rows[0]
  }

  /** Waits until nobody's transaction is open, on any server. */
  async noTransactions(): Promise<void> {
    const sql = `select query from pg_stat_activity where state like 'idle in transaction%' and pid <> pg_backend_pid()`
    let open: unknown[] = []
    await eventually(async () => {
      const found = await Promise.all([this.#admin, this.#replica].map((client) => client.query(sql)))
      open = found.flatMap((result) => result.rows)
      return open.length === 0
    })
    assert.deepEqual(open, [], 'transactions that nobody has ended')
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await Promise.all([this.#admin.end(), this.#replica.end()])
    await this.lab.dispose()
  }
}

/** Waits until something holds; says whether it did, in time. */
export async function eventually(holds: () => boolean | Promise<boolean>, timeoutMs = 10_000): Promise<boolean> {
  const until = Date.now() + timeoutMs
  while (!(await holds())) {
    if (Date.now() > until) return false
    await sleep(5)
  }
  return true
}

/** The app of a suite, as a command. */
export function appCommand(folder: string): string[] {
  return [process.execPath, join(import.meta.dirname, 'app.ts'), folder]
}
