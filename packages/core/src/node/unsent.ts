import type { ServerResponse } from 'node:http'
import type { Readable } from 'node:stream'

/** How long (ms) an app may go on with an answer that is not sent. */
const patienceMs = 1_000
/** So much (bytes) is taken before the app has to wait for a turn of the event loop, or it could let nothing else happen. */
const highWaterMark = 16_384
/** What would fail, as the headers have left, or end the connection that another answer is on. */
const noLonger = ['setHeader', 'setHeaders', 'appendHeader', 'removeHeader', 'addTrailers'] as const
/** What tells that an answer has ended: asked by what is piped into it. */
const marks = ['writableEnded', 'writableFinished', 'destroyed', 'closed', '_closed'] as const

/**
 * The app's answer, in whose place another one is sent. To the app it is as if it were sent: what it writes is swallowed, and when it
 * ends it the response tells so. Until then it keeps to itself that the other answer has ended: what is piped into it would take that for a
 * client that has gone, and fail.
 *
 * What does not end is given up after a while, with the request's refusal as the error, so that no code has to handle it.
 */
export class UnsentAnswer {
  readonly #response: ServerResponse
  readonly #sources: Readable[]
  readonly #error: Error | undefined
  /** Listeners of the server's own, which go on with the connection. */
  readonly #ahead: readonly unknown[]
  /** What the app's listeners have not been told yet. */
  readonly #held = new Set<'finish' | 'close'>()
  #isHeld: boolean
  #isGivenUp = false
  #swallowed = 0
  #timer: NodeJS.Timeout | undefined

  /**
   * @param ahead how many listeners of `finish` there were before the app's
   * @param isUnderWay the app has begun to answer, or may yet
   * @param error what it is told at last, if it does not end
   */
  constructor(
    response: ServerResponse,
    sources: Readable[],
    ahead: number,
    isUnderWay: boolean,
    error: Error | undefined,
  ) {
    this.#response = response
    this.#sources = sources
    this.#error = error
    this.#isHeld = isUnderWay
    this.#ahead = response.rawListeners('finish').slice(0, ahead)
    for (const name of noLonger) (response as unknown as Record<string, unknown>)[name] = () => response
    response.destroy = () => {
      this.#endLater()
      return response
    }
    if (!isUnderWay) return
    this.#holdEvents()
    for (const mark of marks) this.#hide(mark)
    this.#giveUpLater()
  }

  /** Takes what the app writes. @returns whether it may go on at once */
  write(args: readonly unknown[]): boolean {
    const written = callbackIn(args)
    if (written !== undefined) process.nextTick(written)
    if (this.#isGivenUp) return false
    const wasFull = this.#swallowed >= highWaterMark
    this.#swallowed += (args[0] as { length?: number } | null)?.length ?? 0
    if (this.#swallowed < highWaterMark) return true
    if (!wasFull) setImmediate(() => this.#drain())
    return false
  }

  /** The app ends it. */
  end(args: readonly unknown[]): ServerResponse {
    const response = this.#response
    const ended = callbackIn(args)
    if (ended !== undefined && !response.writableFinished) response.once('finish', ended)
    else if (ended !== undefined) process.nextTick(ended)
    this.#endLater()
    return response
  }

  /** A stream is piped into it. */
  takes(source: Readable): void {
    this.#sources.push(source)
    this.#giveUpLater()
  }

  #drain(): void {
    this.#swallowed = 0
    if (!this.#isGivenUp) this.#response.emit('drain')
  }

  #holdEvents(): void {
    const response = this.#response
    const { emit } = response
    response.emit = (event: string | symbol, ...args: unknown[]): boolean => {
      if (!this.#isHeld || (event !== 'finish' && event !== 'close')) return emit.call(response, event, ...args)
      this.#held.add(event)
      if (event === 'finish') for (const listener of this.#ahead) Reflect.apply(listener as () => void, response, args)
      return true
    }
  }

  #hide(mark: (typeof marks)[number]): void {
    const response = this.#response
    const own = Object.getOwnPropertyDescriptor(response, mark)
    let value: unknown = own?.value
    const seen = (): unknown =>
      own === undefined ? Reflect.get(Object.getPrototypeOf(response), mark, response) : value
    Object.defineProperty(response, mark, {
      get: () => (this.#isHeld ? false : seen()),
      set(next: unknown) {
        value = next
      },
      configurable: true,
    })
  }

  #endLater(): void {
    process.nextTick(() => this.#isOver())
  }

  #isOver(): void {
    clearTimeout(this.#timer)
    this.#isHeld = false
    const response = this.#response
    if (this.#held.has('finish'))
      for (const listener of this.#ahead) response.removeListener('finish', listener as () => void)
    for (const event of this.#held) {
      this.#held.delete(event)
      response.emit(event)
    }
  }

  #giveUpLater(): void {
    clearTimeout(this.#timer)
    this.#timer = setTimeout(() => this.#giveUp(), patienceMs)
    this.#timer.unref()
  }

  #giveUp(): void {
    const response = this.#response
    this.#isGivenUp = true
    for (const source of this.#sources.splice(0)) cutOff(source, response)
    if (this.#error !== undefined && response.listenerCount('error') > 0) response.emit('error', this.#error)
    this.#isOver()
  }
}

function callbackIn(args: readonly unknown[]): (() => void) | undefined {
  return args.find((arg) => typeof arg === 'function') as (() => void) | undefined
}

/** Ends a stream that was piped into an answer that is not sent, unless others read it as well. */
function cutOff(source: Readable, response: ServerResponse): void {
  source.unpipe(response)
  if (source.listenerCount('data') === 0) source.destroy()
}
