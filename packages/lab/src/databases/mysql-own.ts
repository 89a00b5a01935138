import { randomBytes } from 'node:crypto'
import { query } from './mysql-client.ts'
import { literal, type MysqlFlavour } from './mysql-family.ts'
import type { MysqlServer, MysqlServers } from './mysql-server.ts'

/** The variables that name servers of one's own, by the URLs of their administrators; of replicas several, spaces between. */
export function ownVariables(flavour: MysqlFlavour): { primary: string; replica: string } {
  const prefix = `FLYROUTE_TEST_${flavour.kind.toUpperCase()}`
  return { primary: `${prefix}_PRIMARY`, replica: `${prefix}_REPLICA` }
}

/**
 * The servers that the variables name, if they do. The primary gets a database and a user `app` until the end.
 *
 * @throws where it has one of that name already, for that might be in use
 */
export async function openOwnServers(flavour: MysqlFlavour): Promise<MysqlServers | undefined> {
  const names = ownVariables(flavour)
  const primary = process.env[names.primary]
  if (!primary) return undefined
  const replicas = process.env[names.replica]?.split(/\s+/).filter(Boolean) ?? []
  await assertKind(primary, flavour, names.primary)
  const password = await prepare(primary)
  const left = [primary, ...replicas]
  return {
    create(name) {
      const url = left.shift()
      if (!url) throw new RangeError(`There is no server for ${name}: ${names.replica} names ${replicas.length}.`)
      return new OwnMysqlServer(url, password)
    },
    async dispose() {
      await query(primary, "DROP USER app@'%'")
      await query(primary, 'DROP DATABASE app')
    },
  }
}

async function assertKind(url: string, flavour: MysqlFlavour, variable: string): Promise<void> {
  const [row] = await query<{ version: string }>(url, 'SELECT VERSION() AS version')
  if (/mariadb/i.test(row?.version ?? '') !== (flavour.kind === 'mariadb'))
    throw new TypeError(`The server that ${variable} names is not ${flavour.title}: it says ${row?.version}.`)
}

async function prepare(primary: string): Promise<string> {
  const password = randomBytes(16).toString('hex')
  await query(primary, 'CREATE DATABASE app CHARACTER SET utf8mb4')
  await query(primary, `CREATE USER app@'%' IDENTIFIED BY ${literal(password)}`)
  await query(primary, "GRANT ALL ON app.* TO app@'%'")
  return password
}

/** A server that others run. It is used, not run: what would end, empty or re-point it is refused. */
class OwnMysqlServer implements MysqlServer {
  readonly isOurs = false
  readonly isRunning = true
  readonly host: string
  readonly port: number
  readonly url: string
  readonly adminUrl: string

  constructor(adminUrl: string, password: string) {
    const url = new URL(adminUrl)
    this.host = url.hostname
    this.port = Number(url.port || 3306)
    url.pathname = '/app'
    this.adminUrl = url.href
    url.username = 'app'
    url.password = password
    this.url = url.href
  }

  async start(): Promise<void> {}

  async stop(): Promise<void> {
    this.#refuse()
  }

  async kill(): Promise<void> {
    this.#refuse()
  }

  async reset(): Promise<void> {
    this.#refuse()
  }

  signal(): void {
    this.#refuse()
  }

  #refuse(): never {
    throw new Error(`The server at ${this.host}:${this.port} is your own: the lab neither ends nor empties it.`)
  }
}
