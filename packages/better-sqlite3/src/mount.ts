import { closeSync, openSync, readlinkSync, readSync, realpathSync } from 'node:fs'
import { basename, dirname, join } from 'node:path'
import { ConfigurationError } from '@flyroute/core'
import { readTxid } from '@flyroute/core/adapter'

/** What LiteFS's files hold at most (bytes): a host name, a position, a number. More than that is no file of LiteFS. */
const longest = 512

const buffer = Buffer.alloc(longest + 1)

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
   * @throws ConfigurationError for whatever the file system says, except that there is no such file
   */
  primaryHost(): string | undefined {
    return read(this.#primary)?.trim()
  }

  /**
   * The id of the last transaction that is here; undefined where no transaction has made the database yet, or no LiteFS is
   * mounted.
   *
   * @throws ConfigurationError where the file is no position
   */
  txid(): string | undefined {
    const text = read(this.#position)
    if (text === undefined) return undefined
    const txid = readTxid(text)
    if (txid === undefined) {
      throw malformed(this.#position, 'holds no position of LiteFS', 'see to it that no other program writes it')
    }
    return txid
  }

  /** How far this node is behind; a second is usual where nothing is written, since LiteFS's heartbeats come each second. */
  lagSeconds(): number | undefined {
    const text = /^\d{1,15}$/.exec(read(this.#lag)?.trim() ?? '')?.[0]
    return text === undefined ? undefined : Number(text) / 1_000
  }

  /**
   * Whether this process may write although it runs on a replica: `litefs run -with-halt-lock-on` hands its command the lock
   * file as the first descriptor after the standard ones, and LiteFS forwards what is written while it is open.
   */
  get holdsHaltLock(): boolean {
    try {
      return readlinkSync('/proc/self/fd/3') === realpathSync(this.#lock)
    } catch {
      return false
    }
  }
}

/**
 * A small file, one character a byte; undefined where there is none. Whatever else is in its place (a folder, something
 * huge, what may not be read) is one error that names it, and costs no more than a small file does.
 */
function read(path: string): string | undefined {
  let file: number | undefined
  let length = 0
  try {
    file = openSync(path, 'r')
    // Until its end: a pipe may give it in pieces.
    for (let count = -1; count !== 0 && length <= longest; length += count) {
      count = readSync(file, buffer, length, buffer.length - length, null)
    }
  } catch (cause) {
    const { code } = cause as NodeJS.ErrnoException
    if (code === 'ENOENT') return undefined
    throw malformed(path, `cannot be read (${code})`, mountRemedy, cause)
  } finally {
    if (file !== undefined) closeSync(file)
  }
  if (length > longest) throw malformed(path, 'is larger than any file of LiteFS by that name', mountRemedy)
  return buffer.toString('latin1', 0, length)
}

const mountRemedy = 'LITEFS_DIR (or litefsDir) has to be the folder where LiteFS is mounted, and LiteFS has to run'

function malformed(path: string, message: string, remedy: string, cause?: unknown): ConfigurationError {
  return new ConfigurationError([{ setting: path, message, remedy }], { cause })
}
