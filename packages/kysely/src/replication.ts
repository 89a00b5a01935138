import type { Observation, PositionAlgebra, ReplicationSource, Role } from '@flyroute/core/adapter'
import type { Driver } from 'kysely'
import { asksOn } from './ask.ts'
import type { Facts } from './facts/index.ts'

/** How long (ms) the member next door may take to say what it is. */
const answerMs = 2_000

/** Asks the member that is read from, on a connection of the dialect itself: there is no other way to it. */
export class DialectSource implements ReplicationSource {
  readonly algebra: PositionAlgebra
  readonly #facts: Facts
  readonly #expected: Role
  #driver: (() => Promise<Driver>) | undefined

  constructor(facts: Facts, expected: Role) {
    this.algebra = facts.algebra
    this.#facts = facts
    this.#expected = expected
  }

  /** @param driver the driver of the member next door, ready to be used */
  attach(driver: () => Promise<Driver>): void {
    this.#driver = driver
  }

  async observe(): Promise<Observation> {
    if (this.#driver === undefined) throw new Error('No Kysely uses this dialect yet')
    let timer: NodeJS.Timeout | undefined
    const late = new Promise<never>((_, reject) => {
      const error = Object.assign(new Error('The database does not answer'), { code: 'ETIMEDOUT' })
      timer = setTimeout(() => reject(error), answerMs)
    })
    try {
      return await Promise.race([this.#ask(this.#driver), late])
    } finally {
      clearTimeout(timer)
    }
  }

  async #ask(ready: () => Promise<Driver>): Promise<Observation> {
    const driver = await ready()
    const connection = await driver.acquireConnection()
    try {
      return await this.#facts.observe(asksOn(connection), this.#expected)
    } finally {
      await driver.releaseConnection(connection)
    }
  }

  async end(): Promise<void> {
    this.#driver = undefined
  }
}
