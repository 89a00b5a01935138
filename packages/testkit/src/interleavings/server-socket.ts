import { AsyncLocalStorage } from 'node:async_hooks'
import { EventEmitter } from 'node:events'
import type { Network, Region } from './network.ts'
import type { Fates } from './program.ts'
import type { Protocol, Said } from './protocol.ts'
import { ServerSession } from './server-session.ts'
import { readText, type Sent } from './text.ts'

/** What travels to the server: a statement of a program, a question of flyroute's own, or the end. */
type Travelling = { readonly sent: Sent } | { readonly question: string } | 'end'
type Reply = { readonly data: Buffer; readonly of: Sent | undefined } | 'lost'

/**
 * A socket to a server of the model. What a program sends arrives, and is answered, when the search says so, in the order
 * of the wire; what flyroute asks by itself is answered as soon as its turn comes.
 */
export class ServerSocket extends EventEmitter {
  writable = true
  readonly region: Region
  name = 'unconnected'
  readonly #network: Network
  readonly #protocol: Protocol
  /** Of flyroute's own connections. They are let in at once. */
  #isOwn: boolean
  #session: ServerSession | undefined
  #role: keyof Fates = 'primary'
  readonly #toServer: Travelling[] = []
  readonly #toClient: Reply[] = []
  #isTravelling = false
  #isReplying = false
  #isStarted = false
  #isClosed = false
  /** The server's end of it is gone. */
  #isLost = false
  /** Sockets call back where they were made, and not where they were written to. */
  #inOwnContext: <T>(fn: () => T) => T = (fn) => fn()

  constructor(network: Network, region: Region, protocol: Protocol, isOwn: boolean) {
    super()
    this.#network = network
    this.#protocol = protocol
    this.#isOwn = isOwn
    this.region = region
  }

  get isOpen(): boolean {
    return this.#session !== undefined && this.#session.status !== 'I'
  }

  setNoDelay(): this {
    return this
  }
  setKeepAlive(): this {
    return this
  }
  ref(): this {
    return this
  }
  unref(): this {
    return this
  }

  connect(_port: number, host: string): this {
    this.#inOwnContext = AsyncLocalStorage.snapshot()
    this.#role = host.endsWith('.replica') ? 'replica' : 'primary'
    this.name = `${host} from ${this.region}`
    this.#network.links.add(this)
    process.nextTick(() => {
      this.#tell('connect')
      if (this.#protocol.greeting !== undefined) this.#tell('data', this.#protocol.greeting)
    })
    return this
  }

  write(data: Buffer, written?: () => void): boolean {
    if (!this.writable) return false
    if (!this.#isStarted) this.#starts(data)
    else for (const said of this.#protocol.read(data)) this.#takes(said)
    if (written !== undefined) process.nextTick(written)
    return true
  }

  end(): this {
    if (!this.writable) return this
    this.writable = false
    this.#toServer.push('end')
    this.#travels()
    return this
  }

  /** The client takes the connection for ended by its server. */
  push(_end: null): boolean {
    this.#tell('end')
    this.destroy()
    return false
  }

  /** The client cuts the connection. What it has sent is on its way all the same. */
  destroy(error?: Error): this {
    if (this.#isClosed) return this
    this.#closes(error)
    this.#toServer.push('end')
    this.#travels()
    return this
  }

  // --- to the server --------------------------------------------------------------------------------------------------

  #starts(data: Buffer): void {
    this.#isStarted = true
    const letsIn = (): void => {
      if (this.#isClosed) return
      this.#session = new ServerSession(this.#role, this.#network, this.#protocol.abortsTransactions)
      this.#tell('data', this.#protocol.welcome)
    }
    this.#isOwn ||= data.includes('flyroute')
    const how = this.#isOwn ? 'at-once' : this.#network.nextConnecting()
    if (how === 'at-once') process.nextTick(letsIn)
    else if (how === 'later') this.#network.later(`${this.name} lets a connection in`, letsIn)
    else {
      this.#network.later(`${this.name} refuses a connection`, () => {
        this.#isInTrouble()
        this.#closes(lost('ECONNREFUSED'))
      })
    }
  }

  #takes(said: Said): void {
    if (said === 'end') this.#toServer.push('end')
    else {
      const sent = readText(said.text)
      if (sent !== undefined) this.#network.leaves(sent, this.name)
      this.#toServer.push(sent === undefined ? { question: said.text } : { sent })
    }
    this.#travels()
  }

  #travels(): void {
    const [next] = this.#toServer
    if (this.#isTravelling || next === undefined) return
    this.#isTravelling = true
    const arrives = (): void => {
      this.#isTravelling = false
      this.#toServer.shift()
      this.#arrives(next)
      this.#travels()
    }
    if (next === 'end' || 'question' in next) process.nextTick(arrives)
    else this.#network.later(`${nameOf(next.sent)} arrives at ${this.name}`, arrives)
  }

  #arrives(what: Travelling): void {
    const session = this.#session
    if (session === undefined) {
      // It goes before it was let in.
      if (what === 'end' && !this.#isLost) this.#closes(undefined)
      return
    }
    if (what === 'end') {
      session.rollsBack()
      this.#session = undefined
      this.#network.links.delete(this)
      if (!this.#isClosed) this.#closes(undefined)
    } else if ('question' in what) {
      const { question } = what
      const answer =
        question === 'rollback' || question === 'rollback and no chain'
          ? this.#protocol.answer(session.rollsBack(), session)
          : this.#protocol.answerQuestion(question, this.#role, session)
      this.#replies(answer, undefined)
    } else this.#runs(session, what.sent)
  }

  #runs(session: ServerSession, sent: Sent): void {
    const fate = this.#network.fateOf(sent, this.#role)
    if (fate === 'lost-before') return this.#loses()
    const answer = session.run(sent, fate)
    if (fate === 'lost-after') return this.#loses()
    this.#replies(this.#protocol.answer(answer, session), sent)
    if (fate === 'lost-behind') this.#loses()
  }

  /** The server's end of the connection is gone; the client hears of it when the search says so. */
  #loses(): void {
    this.#isLost = true
    this.#session?.rollsBack()
    this.#session = undefined
    this.#toServer.length = 0
    if (this.#isClosed) this.#network.links.delete(this)
    this.#isInTrouble()
    this.#toClient.push('lost')
    this.#replying()
  }

  // --- to the client --------------------------------------------------------------------------------------------------

  #replies(data: Buffer, of: Sent | undefined): void {
    this.#toClient.push({ data, of })
    this.#replying()
  }

  #replying(): void {
    const [next] = this.#toClient
    if (this.#isReplying || next === undefined || this.#isClosed) return
    this.#isReplying = true
    const comes = (): void => {
      this.#isReplying = false
      this.#toClient.shift()
      if (this.#isClosed) return
      if (next === 'lost') this.#closes(lost('ECONNRESET'))
      else this.#tell('data', next.data)
      this.#replying()
    }
    if (next === 'lost') this.#network.later(`${this.name} is lost`, comes)
    else if (next.of === undefined) process.nextTick(comes)
    else this.#network.later(`${nameOf(next.of)} is answered by ${this.name}`, comes)
  }

  #closes(error: Error | undefined): void {
    if (this.#isClosed) return
    this.#isClosed = true
    this.writable = false
    if (this.#session === undefined) this.#network.links.delete(this)
    process.nextTick(() => {
      if (error === undefined) this.#tell('end')
      else this.#tell('error', error)
      this.#tell('close')
    })
  }

  #isInTrouble(): void {
    if (this.#role === 'primary') this.#network.primaryTrouble.add(this.region)
  }

  #tell(event: string, value?: unknown): void {
    this.#inOwnContext(() => this.emit(event, value))
  }
}

function nameOf({ run, id, what }: Sent): string {
  return `${run}.${id} ${what}`
}

function lost(code: string): Error {
  return Object.assign(new Error(`read ${code}`), { code })
}
