import { readFileSync } from 'node:fs'
import { basename, dirname, join } from 'node:path'
import { noTransaction, readTxid } from '@flyroute/core/adapter'

/** Bytes are one character each, and a full read of a small file is one call. */
const encoding = 'latin1'

/** What LiteFS shows of a database in its mount, beside the database itself. */
export class LitefsMount {
  readonly dir: string
  readonly #primary: string
  readonly #position: string
  readonly #lag: string

  /** @param dir where LiteFS is mounted */
  constructor(dir: string, database: string) {
    this.dir = dir
    this.#primary = join(dir, '.primary')
    this.#position = join(dirname(database), `${basename(database)}-pos`)
    this.#lag = join(dir, '.lag')
  }

  /** Whether LiteFS has anything of its own here. */
  get isThere(): boolean {
    return read(this.#primary) !== undefined || read(this.#position) !== undefined
  }

  /**
   * The primary's host name ("Determining the LiteFS primary"); undefined where none is named, which says that this node
   * is the primary or that it has lost it.
   *
   * @throws whatever the file system says, except that there is no such file
   */
  primaryHost(): string | undefined {
    return read(this.#primary)?.trim() || undefined
  }

  /**
   * The id of the last transaction that is here.
   *
   * @throws Error where the file is no position
   */
  txid(): string {
    const text = read(this.#position)
    // No transaction has made the database yet.
    if (text === undefined) return noTransaction
    const txid = readTxid(text)
    if (txid === undefined) throw new Error('The -pos file of LiteFS holds no position')
    return txid
  }

  /** How far this node is behind; a second is usual where nothing is written, since LiteFS's heartbeats come each second. */
  lagSeconds(): number | undefined {
    const milliseconds = Number(read(this.#lag) ?? Number.NaN)
    return milliseconds >= 0 ? milliseconds / 1_000 : undefined
  }
}

function read(path: string): string | undefined {
  try {
    return readFileSync(path, encoding)
  } catch (error) {
    const { code } = error as NodeJS.ErrnoException
    if (code === 'ENOENT') return undefined
    throw error
  }
}
