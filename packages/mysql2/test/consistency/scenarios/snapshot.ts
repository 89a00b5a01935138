import { cp, rm } from 'node:fs/promises'
import type { MysqlNode } from '@flyroute/testkit'

const longMs = 3_600_000

/** A replica's files as they were at one time, for it to go back to. It then stands still, by a delay, until that is lifted. */
export class Snapshot implements AsyncDisposable {
  readonly #node: MysqlNode
  readonly #folder: string

  private constructor(node: MysqlNode, folder: string) {
    this.#node = node
    this.#folder = folder
  }

  static async of(node: MysqlNode): Promise<Snapshot> {
    const [row] = await node.query<{ folder: string }>('select @@datadir as folder')
    const snapshot = new Snapshot(node, (row?.folder ?? '').replace(/\/$/, ''))
    await node.setApplyDelay(longMs)
    await node.stop()
    await cp(snapshot.#folder, snapshot.#copy, { recursive: true })
    await node.start()
    await node.setApplyDelay(0)
    return snapshot
  }

  /** Kills the server, and starts it as it was. */
  async restore(): Promise<void> {
    await this.#node.kill()
    await rm(this.#folder, { recursive: true })
    await cp(this.#copy, this.#folder, { recursive: true })
    await this.#node.start()
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await rm(this.#copy, { recursive: true, force: true })
  }

  get #copy(): string {
    return `${this.#folder}-copy`
  }
}
