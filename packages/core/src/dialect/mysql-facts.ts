import { ConfigurationError } from '../errors.ts'
import type { Observation, Role } from '../position.ts'
import type { Ask } from './ask.ts'
import type { DialectFacts, DialectFactsOptions } from './facts.ts'
import { gtids } from './gtid.ts'
import { LagWatch } from './lag-watch.ts'
import { isOfReadOnlyTransaction, readMysqlError, teachesMysqlWrite } from './mysql.ts'
import { mysqlLag } from './mysql-lag.ts'
import {
  isMysqlAnswer,
  isOn,
  isReadOnlyRow,
  type MysqlFlavour,
  type MysqlFullRow,
  type MysqlMovingRow,
  mysqlClock,
  mysqlFlavours,
  readGtids,
  refusesMysqlQuestion,
  runOfMysql,
  writeProbe,
} from './mysql-observation.ts'
import { mysqlWriters } from './mysql-writers.ts'

/** From the one that MySQL answers to the one that everything does. */
const flavours: readonly MysqlFlavour[] = [mysqlFlavours.mysql, mysqlFlavours.mariadb, mysqlFlavours.modest]

/** MySQL and MariaDB. */
export function mysqlFacts(options: DialectFactsOptions = {}): DialectFacts {
  const servers = new Servers(options)
  const watch = new LagWatch(gtids)
  return {
    language: 'mysql',
    algebra: gtids,
    abortsTransactions: false,
    questionsShow: true,
    readError: readMysqlError,
    isOfReadOnlyTransaction,
    isAnswer: refusesMysqlQuestion,
    teachesWrite: teachesMysqlWrite,
    observe: (ask, expected, address) => servers.observe(ask, expected, address),
    async lag({ askRows }, observation) {
      if (observation.role === 'primary') return { lagSeconds: 0 }
      return askRows === undefined ? {} : mysqlLag(askRows, servers.flavour.kind, observation, watch)
    },
    whyNoPosition: () => (servers.lackGtids ? new ConfigurationError([gtidsAreOff]) : undefined),
    async position(ask, role) {
      const { flavour } = servers
      const [...answer] = await row(ask, [...flavour.moving, mysqlClock])
      const at = readGtids(answer as unknown as MysqlMovingRow, flavour, role === 'replica')
      if (!servers.keepGtids) throw new Error('The server keeps no GTIDs')
      return { cluster: '', epoch: 0, at, time: Math.round(Number(answer[5]) * 1_000) }
    },
    writers: mysqlWriters,
  }
}

const gtidsAreOff = {
  setting: 'gtid_mode',
  message: 'is off on the database server',
  remedy: 'set gtid_mode = ON and enforce_gtid_consistency = ON, or log_bin on MariaDB',
}

/** Ends what `SHOW ERRORS` and `SHOW WARNINGS` tell of the statement before: MariaDB keeps that until a table is read. */
const diagnosticsEnd = 'select 1 from information_schema.character_sets limit 1'

/** What is known of the servers of one database, whichever of them was asked last. */
class Servers {
  keepGtids = false
  /** One of them could keep GTIDs, and does not. */
  lackGtids = false
  readonly #runs: Map<string, number> = new Map()
  readonly #acceptsWrites: Map<string, boolean> = new Map()
  readonly #onProblem: DialectFactsOptions['onProblem']
  readonly #simulated: boolean
  #known = 0

  constructor({ simulated = false, onProblem }: DialectFactsOptions) {
    this.#simulated = simulated
    this.#onProblem = onProblem
  }

  get flavour(): MysqlFlavour {
    return flavours[this.#known] as MysqlFlavour
  }

  async observe(ask: Ask, expected: Role, address?: string): Promise<Observation> {
    let isRefused = false
    const asking: Ask = (sql) =>
      ask(sql).catch((error: unknown) => {
        isRefused = true
        throw error
      })
    const observation = await this.#observe(asking, expected, address)
    // The app is not to find our errors in its session.
    if (isRefused) await ask(diagnosticsEnd).catch(() => undefined)
    return observation
  }

  async #observe(ask: Ask, expected: Role, address: string | undefined): Promise<Observation> {
    for (let tried = this.#known; ; tried++) {
      const flavour = flavours[tried] as MysqlFlavour
      try {
        const full = (await row(ask, flavour.full)) as unknown as MysqlFullRow
        return await this.#read(full, flavour, ask, expected, address)
      } catch (error) {
        if (!refusesMysqlQuestion(error) || tried === flavours.length - 1) throw error
        // Others may ask the same at the same time.
        this.#known = Math.max(this.#known, tried + 1)
        if (flavours[this.#known] === mysqlFlavours.modest) this.#onProblem?.('modest', error)
      }
    }
  }

  async #read(
    full: MysqlFullRow,
    flavour: MysqlFlavour,
    ask: Ask,
    expected: Role,
    address: string | undefined,
  ): Promise<Observation> {
    const simulated = this.#simulated && expected === 'replica'
    const moving = full.slice(0, 5) as unknown as MysqlMovingRow
    const [transactionReadOnly, server, source, hasGtids, , , replicating, logsTemporary, completion] = full.slice(5)
    const isWalled = isReadOnlyRow(moving)
    // One that replicates and is not read-only takes whatever it is given, as does one that is not sure of its sessions.
    const isOpen = !isWalled && (replicating === 'ON' || (isOn(transactionReadOnly) && expected === 'replica'))
    const role: Role = isWalled || isOpen || simulated ? 'replica' : 'primary'
    this.keepGtids = isOn(hasGtids)
    if (!this.keepGtids && flavour.kind !== 'modest') {
      this.lackGtids = true
      this.#onProblem?.('no-gtids')
    }
    const acceptsWrites =
      role === 'replica' && !simulated && (isOpen || (await this.#writesAllTheSame(moving, String(server), ask)))
    if (acceptsWrites) this.#onProblem?.('accepts-writes')
    return {
      instance: runOfMysql(full, this.#runs, address === undefined ? role : `${role}@${address}`),
      role,
      cluster: '',
      epoch: 0,
      at: this.keepGtids ? readGtids(moving, flavour, role === 'replica' && !simulated) : undefined,
      source: source === '' ? undefined : String(source).toLowerCase(),
      acceptsWrites,
      logsTemporaryTables: isOn(logsTemporary),
      chainsTransactions: completion === 'CHAIN',
      clockOffsetMs: Number(full[9]) * 1_000 - Date.now(),
    }
  }

  /** Whether this user could write on a read-only server, asked of the server itself, once for each. */
  async #writesAllTheSame(
    [, superReadOnly, engineReadOnly]: MysqlMovingRow,
    server: string,
    ask: Ask,
  ): Promise<boolean> {
    if (isOn(superReadOnly) || isOn(engineReadOnly)) return false
    const known = this.#acceptsWrites.get(server)
    if (known !== undefined) return known
    const accepts = await ask(writeProbe).then(
      () => true,
      (error: unknown) => {
        if (!isMysqlAnswer(error)) throw error
        return readMysqlError(error) !== 'refusal'
      },
    )
    this.#acceptsWrites.set(server, accepts)
    return accepts
  }
}

/** Asks for one row, under names of our own: an expression's is not the same everywhere. */
async function row(ask: Ask, columns: readonly string[]): Promise<readonly unknown[]> {
  const [answer = []] = await ask(`select ${columns.map((column, index) => `${column} as c${index}`).join()}`)
  return answer
}
