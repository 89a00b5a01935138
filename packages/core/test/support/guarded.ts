import { createClassifier } from '../../src/classify/index.ts'
import type { Dialect } from '../../src/classify/types.ts'
import { type Action, ConnectionGuard, decide, type Side, type TransactionStatus } from '../../src/connection/index.ts'
import { Catalogue } from '../../src/dialect/catalogue.ts'
import { factsOf } from '../../src/dialect/facts-of.ts'
import { MAY_WRITE } from '../../src/dialect/writers.ts'
import type { ServerInstance } from '../../src/position.ts'
import { createScope, type Scope } from '../../src/request/scope.ts'
import { createRequestState } from '../../src/request/state.ts'
import { FakeDatabase, type FakeDatabaseOptions } from './fake-database.ts'

export interface GuardedOptions extends FakeDatabaseOptions {
  readonly language?: Dialect
  readonly side?: Side
}

/** A guard over a scripted wire: the server's word is what a test says it is. Statements are their own texts. */
export class Guarded {
  readonly standIn: FakeDatabase
  readonly guard: ConnectionGuard<string>
  status: TransactionStatus | undefined
  isQuiet = true
  readonly language: Dialect

  constructor({ language = 'postgres', side = 'local', ...options }: GuardedOptions = {}) {
    this.language = language
    this.standIn = new FakeDatabase(options)
    const { replication } = this.standIn
    const routines = new Map([
      ['writes', MAY_WRITE],
      ['reads', 0],
    ])
    const facts = factsOf(language)
    const database = {
      replication,
      classifier: createClassifier({ dialect: language }),
      facts,
      catalogue: new Catalogue(async () => ({ routines, mentions: new Map() }), facts.isAnswer),
    }
    const isQuiet = (): boolean => this.isQuiet
    const status = (): TransactionStatus | undefined => this.status
    const wire = {
      ask: () => Promise.reject(new Error('Not asked here')),
      get status() {
        return status()
      },
      get isQuiet() {
        return isQuiet()
      },
    }
    this.guard = new ConnectionGuard(database, side, wire, 'begin')
  }

  /** With a catalogue that is known, and a server that has said what it is. */
  static async ready(options: GuardedOptions = {}): Promise<Guarded> {
    const guarded = new Guarded(options)
    const { role = 'replica', side = 'local' } = options
    guarded.guard.database.catalogue.refresh()
    await guarded.guard.database.catalogue.settled()
    guarded.isOn(side === 'primary' ? 'primary' : role)
    return guarded
  }

  /** The server says what it is. */
  isOn(role: 'primary' | 'replica', epoch = 1): ServerInstance {
    const { servers } = this.standIn.replication
    const observation = { instance: `${role}${epoch}`, role, cluster: 'c', epoch, at: '0/0' }
    const server = servers.connected(observation, this.guard.observedSide)
    this.guard.identified(server)
    return server
  }

  /** Decides a statement, and sends and answers it where it goes here. */
  run(text: string, scope?: Scope): Action {
    const { guard } = this
    const analysis = guard.database.classifier.classify(text)
    const action = decide(guard, analysis, text, scope)
    if (action === 0) {
      guard.session.sends(text, text, analysis)
      guard.session.acknowledges(text, text, analysis)
    }
    return action
  }
}

/** A request that can be replayed, unless something is in the way of that. */
export function requestScope(options: Parameters<typeof createRequestState>[1] = {}): Scope {
  return createScope(createRequestState('request', options))
}
