import { readFileSync, readlinkSync, realpathSync } from 'node:fs'
import { basename, dirname, join } from 'node:path'
import { readTxid } from '@flyroute/core/adapter'

/** Bytes are one character each, and a full read of a small file is one call. */
const encoding = 'latin1'

/** What LiteFS shows of a database in its mount, beside the database itself. */
export class LitefsMount {
  readonly dir: string
  /** The database in it. */
  readonly database: string
  readonly #primary: string
  readonly #position: string
  readonly #lag: string
  readonly #lock: string

  /** @param dir where LiteFS is mounted */
  constructor(dir: string, database: string) {
    this.dir = dir
    this.database = database
    const beside = (suffix: string): string => join(dirname(database), `${basename(database)}${suffix}`)
    this.#primary = join(dir, '.primary')
    this.#position = beside('-pos')
    this.#lock = beside('-lock')
    this.#lag = join(dir, '.lag')
  }

  /** Whether LiteFS has anything of its own here. */
  get isThere(): boolean {
    return read(this.#primary) !== undefined || read(this.#position) !== undefined
  }

  /**
   * The primary's host name ("Determining the LiteFS primary"), empty where the file is there and says nothing; undefined
   * where none is named, which says that this node is the primary or that it has lost it.
   *
   * @throws whatever the file system says, except that there is no such file
   */
  primaryHost(): string | undefined {
    return read(this.#primary)?.trim()
  }

  /**
   * The id of the last transaction that is here; undefined where no transaction has made the database yet, or no LiteFS is
   * mounted.
   *
   * @throws Error where the file is no position
   */
  txid(): string | undefined {
    const text = read(this.#position)
    if (text === undefined) return undefined
    const txid = readTxid(text)
    if (txid === undefined)
      throw new Error(`${this.#position} holds no position of LiteFS; is another program writing it?`)
    return txid
  }

  /** How far this node is behind; a second is usual where nothing is written, since LiteFS's heartbeats come each second. */
  lagSeconds(): number | undefined {
    const milliseconds = Number(read(this.#lag) ?? Number.NaN)
    return milliseconds >= 0 ? milliseconds / 1_000 : undefined
  }

  /**
   * Whether this process may write although it runs on a replica: `litefs run -with-halt-lock-on` hands its command the lock
   * file as the first descriptor behind the standard ones, and LiteFS forwards what is written while it is open.
   */
  get holdsHaltLock(): boolean {
    try {
      return readlinkSync('/proc/self/fd/3') === realpathSync(this.#lock)
    } catch {
      return false
    }
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
