import { type ReplayPolicyOptions, type ReplayTarget, runOnPrimary } from '@flyroute/core'
import { afterAll, afterEach, beforeAll, test } from '@jest/globals'
import { eventually } from '../eventually.ts'
import type { AdapterUnderTest, ConformanceCluster, ConformanceNode, Feature, OpenOptions, Subject } from './adapter.ts'
import { App } from './app.ts'
import type { SqlDialect } from './dialect.ts'
import { away, home } from './regions.ts'
import type { Wire } from './wire.ts'

export { away, home }

/** What the groups of the suite share: a cluster, ways to open the adapter on it, and rows of their own. */
export class Context {
  readonly adapter: AdapterUnderTest
  readonly dialect: SqlDialect
  #cluster: ConformanceCluster | undefined
  #nodes: readonly ConformanceNode[] = []
  readonly #open = new Set<Subject>()
  #lastId = 0

  constructor(adapter: AdapterUnderTest) {
    this.adapter = adapter
    this.dialect = adapter.dialect
    beforeAll(async () => {
      this.#cluster = await adapter.startCluster()
      this.#nodes = [this.cluster.primary, ...this.cluster.replicas]
      const subject = await this.open(home)
      for (const sql of this.dialect.setUp) await subject.query(sql)
      await subject.end()
      this.#open.clear()
      await this.cluster.caughtUp()
    }, 60_000)
    afterEach(async () => {
      const subjects = [...this.#open]
      this.#open.clear()
      await Promise.all(subjects.map((subject) => subject.end()))
    })
    afterAll(() => this.#cluster?.dispose())
  }

  get cluster(): ConformanceCluster {
    if (this.#cluster === undefined) throw new Error('The cluster has not started')
    return this.#cluster
  }

  /** The node that has begun as the primary. */
  get primary(): ConformanceNode {
    const [primary] = this.#nodes
    if (primary === undefined) throw new Error('The cluster has not started')
    return primary
  }

  /** The node that has begun as its replica. */
  get replica(): ConformanceNode {
    const [, replica] = this.#nodes
    if (replica === undefined) throw new Error('The cluster has no replica')
    return replica
  }

  /** Where a request is replayed that needs the primary. */
  get replaysTo(): ReplayTarget {
    return this.adapter.replaysTo ?? { region: home }
  }

  has(feature: Feature): boolean {
    return this.adapter.without?.[feature] === undefined
  }

  /** An id that no other row has. */
  nextId(): number {
    return ++this.#lastId
  }

  /** An id that is found in no text but those that name it. */
  nextMark(): number {
    return 777_000_000 + this.nextId()
  }

  /** The variables of a machine in a region, which may reach its servers by way of wires. */
  env(region: string, by: { primary?: Wire; replica?: Wire } = {}): Record<string, string> {
    const { primary, replica } = this
    return {
      FLY_REGION: region,
      PRIMARY_REGION: home,
      DATABASE_URL: by.primary?.url(primary.url) ?? primary.url,
      [`DATABASE_URL_${away.toUpperCase()}`]: by.replica?.url(replica.url) ?? replica.url,
    }
  }

  /** Opens the adapter as a machine in that region would; it is ended after the test. */
  async open(region: string, options: Partial<OpenOptions> = {}): Promise<Subject> {
    const subject = await this.openApart(region, options)
    this.#open.add(subject)
    return subject
  }

  /** The same, for a test that ends it by itself, whichever other test has come to its end. */
  async openApart(region: string, options: Partial<OpenOptions> = {}): Promise<Subject> {
    return this.adapter.open({ env: this.env(region), ...options })
  }

  /** Forgets a subject that the test ends by itself. */
  async end(subject: Subject): Promise<void> {
    this.#open.delete(subject)
    await subject.end()
  }

  /** The app in both regions. */
  async app(
    options: Omit<ReplayPolicyOptions, 'databases'> = {},
    open: Partial<OpenOptions> = {},
  ): Promise<{ app: App; far: Subject; near: Subject }> {
    const [near, far] = await Promise.all([this.open(home, open), this.open(away, open)])
    return { app: new App({ [home]: near, [away]: far }, options), near, far }
  }

  /** The port of the server that answers. */
  async portOf(subject: Pick<Subject, 'query'>): Promise<number> {
    const [row] = await subject.query(this.dialect.port)
    return Number(row?.['port'])
  }

  insert(id: number, value = 0): string {
    return `insert into conformance values (${id}, ${value})`
  }

  /** Waits until the server has told which routines there are: until then a call of one goes to the primary unasked. */
  async knowsRoutines(subject: Subject): Promise<void> {
    await eventually(async () => {
      const error = await rejection(subject.query(this.hiddenWrite(this.nextId())))
      return (error as { reason?: unknown }).reason === 'refused'
    })
  }

  /** A statement that inserts the row without saying so. */
  hiddenWrite(id: number): string {
    if (this.dialect.hiddenWrite === undefined) throw new Error('This database has no such statement')
    return this.dialect.hiddenWrite(id)
  }

  /** What the primary has under this id, whatever the adapter believes. */
  async valueOnPrimary(id: number): Promise<number | undefined> {
    const [row] = await this.primary.query<{ value: number }>(`select value from conformance where id = ${id}`)
    return row === undefined ? undefined : Number(row.value)
  }

  /** What a subject reads under this id. */
  async valueOf(subject: Pick<Subject, 'query'>, id: number): Promise<number | undefined> {
    const [row] = await subject.query(`select value from conformance where id = ${id}`)
    return row === undefined ? undefined : Number(row['value'])
  }

  /** A row that both servers have. */
  async newRow(value = 0): Promise<number> {
    const id = this.nextId()
    const subject = await this.open(home)
    await runOnPrimary(() => subject.query(this.insert(id, value)))
    await this.cluster.caughtUp()
    return id
  }

  /** Has the replica stand still behind a change, of this row's value from 1 to 2, for which the work gets a token. */
  async behind(
    work: (behind: { far: Subject; near: Subject; id: number; token: string }) => Promise<unknown>,
  ): Promise<void> {
    const [far, near] = [await this.open(away), await this.open(home)]
    const id = await this.newRow(1)
    await this.replica.pauseReplay()
    try {
      await near.query(`update conformance set value = 2 where id = ${id}`)
      await work({ far, near, id, token: await near.database.replication.currentToken() })
    } finally {
      await this.replica.resumeReplay()
    }
  }

  /** A test that a database may be unable to take part in; then it is skipped, with the reason in its title. */
  testWith(feature: Feature, title: string, run: () => Promise<void>, timeoutMs?: number): void {
    const reason = this.adapter.without?.[feature]
    if (reason === undefined) test(title, run, timeoutMs)
    else test.skip(`${title} (${reason})`, () => undefined)
  }
}

/** What a promise rejects with; fails where it resolves. */
export async function rejection(promise: Promise<unknown>): Promise<unknown> {
  try {
    await promise
  } catch (error) {
    return error
  }
  throw new Error('It was to be refused, and was not')
}
