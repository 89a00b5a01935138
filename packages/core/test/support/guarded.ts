import { createClassifier } from '../../src/classify/classifier.ts'
import type { Dialect } from '../../src/classify/types.ts'
import type { Action } from '../../src/connection/action.ts'
import { decide } from '../../src/connection/decide.ts'
import { ConnectionGuard, type Loan, type Side } from '../../src/connection/guard.ts'
import type { TransactionStatus } from '../../src/connection/wire.ts'
import { Catalogue } from '../../src/dialect/catalogue.ts'
import type { DialectFacts } from '../../src/dialect/facts.ts'
import { factsOf } from '../../src/dialect/facts-of.ts'
import { MAY_HIDE_REFUSAL, MAY_WRITE, type Writers } from '../../src/dialect/writers.ts'
import type { ServerInstance } from '../../src/position.ts'
import { HeldConnections } from '../../src/request/held.ts'
import { createScope, type Scope } from '../../src/request/scope.ts'
import { createRequestState } from '../../src/request/state.ts'
import { FakeDatabase, type FakeDatabaseOptions } from './fake-database.ts'

export interface GuardedOptions extends FakeDatabaseOptions {
  readonly language?: Dialect
  readonly side?: Side
  /** What differs from the facts of the language. */
  readonly facts?: Partial<DialectFacts>
  /** What the server tells of its routines. */
  readonly catalogue?: () => Promise<Writers>
}

/** A guard over a scripted wire: the server's word is what a test says it is. Statements are their own texts. */
export class Guarded {
  readonly standIn: FakeDatabase
  readonly guard: ConnectionGuard<string>
  status: TransactionStatus | undefined
  isQuiet = true
  isEnded = false
  isLost = false
  /** How often core has ended the connection. */
  cuts = 0
  readonly language: Dialect

  constructor({ language = 'postgres', side = 'local', facts = {}, catalogue, ...options }: GuardedOptions = {}) {
    this.language = language
    this.standIn = new FakeDatabase(options)
    const { replication } = this.standIn
    const routines = new Map([
      ['writes', MAY_WRITE],
      ['hides', MAY_WRITE | MAY_HIDE_REFUSAL],
      ['reads', 0],
    ])
    const mentions = new Map([['hiding', MAY_WRITE | MAY_HIDE_REFUSAL]])
    const known = { ...factsOf(language), ...facts }
    const database = {
      replication,
      classifier: createClassifier({ dialect: language }),
      facts: known,
      held: new HeldConnections(),
      catalogue: new Catalogue(catalogue ?? (async () => ({ routines, mentions })), known.isAnswer),
    }
    const says = {
      status: () => this.status,
      isQuiet: () => this.isQuiet,
      isEnded: () => this.isEnded,
      isLost: () => this.isLost,
    }
    const wire = {
      ask: () => Promise.reject(new Error('Not asked here')),
      cut: () => void this.cuts++,
      get status() {
        return says.status()
      },
      get isQuiet() {
        return says.isQuiet()
      },
      get isEnded() {
        return says.isEnded()
      },
      get isLost() {
        return says.isLost()
      },
    }
    this.guard = new ConnectionGuard(database, side, wire, (text) => text)
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
      guard.session.sends(text, analysis)
      guard.session.acknowledges(text, text, analysis)
    }
    return action
  }
}

/** What a guard has whose session has moved. */
export const loan: Loan = { leave: () => undefined }

/** A request that can be replayed, unless something is in the way of that. */
export function requestScope(options: Parameters<typeof createRequestState>[1] = {}): Scope {
  return createScope(createRequestState('request', options))
}
