import { type ChildProcess, spawn } from 'node:child_process'
import { once } from 'node:events'
import { mkdir, mkdtemp, rm } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { setTimeout as sleep } from 'node:timers/promises'
import { fileURLToPath } from 'node:url'
import type { Command, NodeSettings } from './protocol.ts'

export interface LitefsOptions {
  /** Names of the nodes: regions, as a rule. The first is the primary. */
  readonly nodes: readonly string[]
  /** File names of the databases, all of them in the one mount. Default: `app.db`. */
  readonly databases?: readonly string[]
}

/** One node: a machine with a mount of its own. */
export interface LitefsNode {
  readonly name: string
  /** The mount folder. */
  readonly dir: string
  /** The (first) database file in it. */
  readonly path: string
  /** What `.primary` calls this node while it is the primary. */
  readonly host: string
}

/**
 * A stand-in for a cluster of LiteFS, for machines without FUSE: folders with what LiteFS shows in its mount.
 *
 * True to LiteFS is what an app can see: `.primary` with the primary's host name and a newline on replicas, and on them
 * alone; `<database>-pos`, right at any moment on the primary and behind the data on replicas; each replica's database
 * file, changed in place under SQLite's own locks; a write on a replica that SQLite refuses; lag; a failover to a node that
 * has not seen everything (what it has not seen is lost); a primary that is lost.
 *
 * Simulated is the rest: there is no mount and no lease, whole databases travel instead of pages, transactions in quick
 * succession arrive as one, and the checksum is a constant. Journals have to be rollback journals, since the change
 * counter of the file is taken for the TXID; and a replica refuses by SQLITE_CANTOPEN, where LiteFS has SQLITE_READONLY or
 * (in WAL mode) SQLITE_IOERR_WRITE.
 */
export async function startLitefs({ nodes, databases = ['app.db'] }: LitefsOptions): Promise<LitefsCluster> {
  const folder = await mkdtemp(join(tmpdir(), 'flyroute-litefs-'))
  const mounts = nodes.map((name) => ({
    name,
    dir: join(folder, name),
    path: join(folder, name, databases[0] as string),
    host: name,
  }))
  await Promise.all(mounts.map(({ dir }) => mkdir(dir)))
  const server = spawn(
    process.execPath,
    ['--disable-warning=ExperimentalWarning', fileURLToPath(new URL('./server.ts', import.meta.url))],
    { stdio: ['ignore', 'inherit', 'inherit', 'ipc'], env: {} },
  )
  const cluster = new LitefsCluster(folder, mounts, server)
  const settings = { lagMs: 0, isPaused: false }
  await cluster.send({
    do: 'mount',
    databases,
    nodes: Object.fromEntries(mounts.map(({ name, dir, host }) => [name, { dir, host, ...settings }])),
  })
  await cluster.promote(nodes[0] as string)
  return cluster
}

/** A running cluster; see `startLitefs`. */
export class LitefsCluster implements AsyncDisposable {
  readonly #folder: string
  readonly #nodes: LitefsNode[]
  readonly #server: ChildProcess
  readonly #asked = new Map<number, (answer: { result?: unknown; error?: string }) => void>()
  #lastId = 0
  #primary: string | undefined

  constructor(folder: string, nodes: LitefsNode[], server: ChildProcess) {
    this.#folder = folder
    this.#nodes = nodes
    this.#server = server
    server.on('message', (answer: { id: number; result?: unknown; error?: string }) => {
      this.#asked.get(answer.id)?.(answer)
      this.#asked.delete(answer.id)
    })
    server.on('exit', (code) => {
      for (const answered of this.#asked.values()) answered({ error: `The server has ended with ${code}` })
    })
  }

  node(name: string): LitefsNode {
    const found = this.#nodes.find((node) => node.name === name)
    if (found === undefined) throw new RangeError(`There is no node ${name}`)
    return found
  }

  /** Makes a node the primary, and the one before it a replica: what had not reached the new one is lost. */
  async promote(name: string): Promise<void> {
    this.#primary = this.node(name).name
    await this.send({ do: 'elect', name })
  }

  /** The primary is gone, and no node has taken over: none may write, and none knows whom to ask. */
  async losePrimary(): Promise<void> {
    this.#primary = undefined
    await this.send({ do: 'elect', name: undefined })
  }

  /** Holds back what comes for a node. */
  async pause(name: string): Promise<void> {
    await this.#set(name, { isPaused: true })
  }

  async resume(name: string): Promise<void> {
    await this.#set(name, { isPaused: false })
  }

  /** Lets each transaction arrive this long (ms) after its commit. */
  async setLag(name: string, lagMs: number): Promise<void> {
    await this.#set(name, { lagMs })
  }

  /** What `.primary` shall call a node: on Fly.io, the machine's id. */
  async setHost(name: string, host: string): Promise<void> {
    this.#nodes[this.#nodes.indexOf(this.node(name))] = { ...this.node(name), host }
    await this.#set(name, { host })
  }

  /** Waits until every node has what the primary has. */
  async caughtUp(timeoutMs = 10_000): Promise<void> {
    for (const giveUpAt = Date.now() + timeoutMs; ; await sleep(2)) {
      const positions = (await this.send({ do: 'positions' })) as Record<string, number[]>
      const wanted = positions[this.#primary ?? '']
      if (Object.values(positions).every((txids) => String(txids) === String(wanted))) return
      if (Date.now() > giveUpAt) throw new Error(`Not caught up after ${timeoutMs} ms: ${JSON.stringify(positions)}`)
    }
  }

  /** Asks a node's (first) database, past the app. */
  async query<Row extends object>(name: string, sql: string): Promise<Row[]> {
    return (await this.send({ do: 'query', name: this.node(name).name, sql })) as Row[]
  }

  async #set(name: string, settings: Partial<NodeSettings>): Promise<void> {
    await this.send({ do: 'settings', name, settings })
  }

  /** @internal */
  async send(command: Command): Promise<unknown> {
    const id = ++this.#lastId
    const answered = new Promise<{ result?: unknown; error?: string }>((resolve) => this.#asked.set(id, resolve))
    this.#server.send({ id, command })
    const { result, error } = await answered
    if (error !== undefined) throw new Error(error)
    return result
  }

  /** Ends the server and removes all files. */
  async dispose(): Promise<void> {
    if (this.#server.exitCode === null && this.#server.signalCode === null) {
      const exit = once(this.#server, 'exit')
      this.#server.kill('SIGKILL')
      await exit
    }
    await rm(this.#folder, { recursive: true, force: true })
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await this.dispose()
  }
}
