import { setTimeout as sleep } from 'node:timers/promises'
import { runOnPrimary } from '@flyroute/core'
import { afterAll, beforeAll, describe, expect, test } from '@jest/globals'
import type { MysqlCluster, MysqlNode } from './clusters.ts'
import { inRequest, rejection } from './requests.ts'
import { Together } from './together.ts'

const strategies = ['ignore query', 'cancel query', 'kill session'] as const

interface AbortOptions {
  readonly signal: AbortSignal
  readonly inflightQueryAbortStrategy: (typeof strategies)[number]
}

/** A Kysely, in the words of these tests. */
export interface AbortSubject {
  run(sql: string, options?: AbortOptions): Promise<{ rows: unknown[] }>
  end(): Promise<unknown>
}

export interface AbortTest {
  readonly name: string
  start(): Promise<MysqlCluster>
  /** @param controls whether Kysely can open a connection of its own to cancel by; else it takes one of the pool */
  open(cluster: MysqlCluster, controls: boolean): AbortSubject
  /** Whether Kysely reaches what runs on the primary in place of a connection to the replica. Else that ends by itself. */
  readonly reachesInPlace: boolean
}

/** What runs where. The text of each test has a number of its own. */
interface Place {
  readonly name: string
  readonly server: 'primary' | 'replica'
  readonly isInPlace?: boolean
  text(seconds: number, mark: number): string
  run(fn: () => Promise<unknown>): Promise<unknown>
}

const places: readonly Place[] = [
  {
    name: 'on the replica',
    server: 'replica',
    text: (seconds, mark) => `select sleep(${seconds}) + ${mark}`,
    run: (fn) => inRequest(fn),
  },
  {
    name: 'on the primary',
    server: 'primary',
    text: (seconds, mark) => `select sleep(${seconds}) + ${mark}`,
    run: (fn) => runOnPrimary(fn),
  },
  {
    name: 'on the primary, in place of the replica',
    server: 'primary',
    isInPlace: true,
    text: (seconds, mark) => `insert into item (name) select sleep(${seconds}) + ${mark}`,
    run: (fn) => inRequest(fn, { obstacle: 'upgrade' }),
  },
]

/** What becomes of a statement whose signal aborts, by each of Kysely's strategies, on MySQL or MariaDB. */
export function describeAborts({ name, start, open, reachesInPlace }: AbortTest): void {
  describe(`Kysely's abort strategies: ${name}`, () => {
    let cluster: MysqlCluster
    beforeAll(async () => {
      cluster = await start()
      await cluster.primary.query('create table app.item (id int primary key auto_increment, name varchar(40))')
      await cluster.caughtUp()
    }, 120_000)
    afterAll(() => cluster?.dispose())
    // What is not reached takes its time.
    const together = new Together(test)
    let marks = 0

    for (const controls of [true, false]) {
      for (const place of places) {
        for (const inflightQueryAbortStrategy of strategies) {
          const by = controls ? 'by a connection of its own' : 'by one of the pool'
          together.test(`${place.name}, ${by}: ${inflightQueryAbortStrategy}`, async () => {
            const node = place.server === 'primary' ? cluster.primary : (cluster.replicas[0] as MysqlNode)
            const isReached = inflightQueryAbortStrategy !== 'ignore query' && (reachesInPlace || !place.isInPlace)
            const text = place.text(isReached ? 60 : 5, ++marks)
            const subject = open(cluster, controls)
            try {
              const controller = new AbortController()
              const options = { signal: controller.signal, inflightQueryAbortStrategy }
              const failed = rejection(place.run(() => subject.run(text, options)))
              await untilRunning(node, text, 1)
              controller.abort(new Error('enough'))
              expect(await failed).toMatchObject({ message: 'enough' })
              if (!isReached) expect(await running(node, text)).toBe(1)
              await untilRunning(node, text, 0)
              expect((await subject.run('select 1 as one')).rows).toEqual([{ one: 1 }])
            } finally {
              await subject.end()
            }
          })
        }
      }
    }
  })
}

async function running(node: MysqlNode, text: string): Promise<number> {
  return (await node.query('select id from information_schema.processlist where info = ?', [text])).length
}

async function untilRunning(node: MysqlNode, text: string, times: number): Promise<void> {
  for (const until = Date.now() + 20_000; (await running(node, text)) !== times; await sleep(20)) {
    if (Date.now() > until) throw new Error(`${text} does not run ${times} times`)
  }
}
