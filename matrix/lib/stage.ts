import assert from 'node:assert/strict'
import { join } from 'node:path'
import { setTimeout as sleep } from 'node:timers/promises'
import { type Lab, type LabOptions, startLab } from '@flyroute/lab'
import pg from 'pg'
import { contents, rows, tables, tidy } from './schema.ts'

/** Where suites run: a lab with the primary in `ord` and a replica in `ams`, and rows that are the same before each operation. */
export class Stage implements AsyncDisposable {
  readonly lab: Lab
  readonly #admin: pg.Client
  #replica: pg.Client
  #isTidy = true

  private constructor(lab: Lab, admin: pg.Client, replica: pg.Client) {
    this.lab = lab
    this.#admin = admin
    this.#replica = replica
  }

  /**
   * @param command what runs in each region
   * @param more what else the lab is told
   */
  static async open(command: readonly string[], cwd: string, more: Partial<LabOptions> = {}): Promise<Stage> {
    const lab = await startLab({ regions: ['ord', 'ams'], rtt: { 'ord-ams': 4 }, ...more, command, cwd })
    const admin = await connected(lab.databases.primary.adminUrl)
    const replica = await connected(lab.databases.node('ams').adminUrl)
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
    await this.caughtUp()
  }

  /** To be called when the replica has been away. */
  async reconnect(): Promise<void> {
    this.#replica = await connected(this.lab.databases.node('ams').adminUrl)
  }

  /** Every region has what the primary has: as the lab does it, on connections that are open. */
  async caughtUp(): Promise<void> {
    const sql = `select pg_current_wal_flush_lsn() as at, pg_current_wal_flush_lsn() - '0/0' as bytes`
    const { at, bytes } = (await this.#admin.query(sql)).rows[0]
    // At the edge of a page it may stand in the middle of a record.
    if (BigInt(bytes) % 8192n === 0n) {
      await this.#admin.query(`select pg_logical_emit_message(true, 'matrix', '')`)
      return this.caughtUp()
    }
    const isThere = async () =>
      (await this.#replica.query('select pg_last_wal_replay_lsn() >= $1 as done', [at])).rows[0].done
    assert.ok(await eventually(isThere, 30_000), `the replica has not reached ${at}`)
  }

  /** The next reset has more than rows to see to. */
  untidy(): void {
    this.#isTidy = false
  }

  /** All rows, as the primary has them. */
  async contents(): Promise<unknown> {
    return (await this.#admin.query(contents)).rows[0]
  }

  /** The details of a post, as the primary has them. */
  async detailsOf(id: number): Promise<unknown> {
    return (await this.#admin.query('select details from post where id = $1', [id])).rows[0]?.details
  }

  /** Waits until no transaction is open, on any server. */
  async noTransactions(): Promise<void> {
    const sql = `select query from pg_stat_activity where state like 'idle in transaction%' and pid <> pg_backend_pid()`
    let open: unknown[] = []
    await eventually(async () => {
      const found = await Promise.all([this.#admin, this.#replica].map((client) => client.query(sql)))
      open = found.flatMap((result) => result.rows)
      return open.length === 0
    })
    assert.deepEqual(open, [], 'transactions that were not ended')
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await Promise.all([this.#admin.end(), this.#replica.end()])
    await this.lab.dispose()
  }
}

async function connected(connectionString: string): Promise<pg.Client> {
  const client = new pg.Client({ connectionString })
  // A server that is killed is what some tests are about.
  client.on('error', () => undefined)
  await client.connect()
  return client
}

/** Waits until something holds; says whether it did, in time. */
export async function eventually(holds: () => boolean | Promise<boolean>, timeoutMs = 10_000): Promise<boolean> {
  const until = Date.now() + timeoutMs
  while (!(await holds())) {
    if (Date.now() > until) return false
    await sleep(1)
  }
  return true
}

/** The app of a suite, as a command. */
export function appCommand(folder: string): string[] {
  return [process.execPath, join(import.meta.dirname, 'app.ts'), folder]
}
