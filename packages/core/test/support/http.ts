import type { Server } from 'node:http'
import { type AddressInfo, connect, type Socket } from 'node:net'

/** A server on loopback, which ends with its test: `await using server = await listen(createServer(…))`. */
export interface Listening extends AsyncDisposable {
  readonly port: number
  readonly url: string
}

export async function listen(server: Pick<Server, 'listen' | 'address' | 'close'>): Promise<Listening> {
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve))
  const { port } = server.address() as AddressInfo
  return {
    port,
    url: `http://127.0.0.1:${port}`,
    async [Symbol.asyncDispose]() {
      const closed = new Promise((resolve) => server.close(resolve))
      ;(server as Partial<Server>).closeAllConnections?.()
      await closed
    },
  }
}

export interface Answer {
  readonly status: number
  readonly statusMessage: string
  /** Lines as they came, without `Date`. */
  readonly lines: readonly string[]
  /** Values of one header. */
  header(name: string): string[]
  readonly body: string
}

/** One connection, on which requests are written as bytes and answers are read as they are. */
export class Connection implements Disposable {
  readonly socket: Socket
  #received = Buffer.alloc(0)
  #ended = false
  #wake: () => void = () => undefined

  constructor(port: number) {
    this.socket = connect(port, '127.0.0.1')
    this.socket.on('data', (chunk: Buffer) => {
      this.#received = Buffer.concat([this.#received, chunk])
      this.#wake()
    })
    this.socket.on('error', () => undefined)
    this.socket.on('close', () => {
      this.#ended = true
      this.#wake()
    })
  }

  get closed(): boolean {
    return this.#ended
  }

  write(text: string | Buffer): void {
    this.socket.write(text)
  }

  /** @param hasBody false for the answer to a HEAD */
  async answer(hasBody = true): Promise<Answer> {
    const end = await this.#until('\r\n\r\n')
    const [first = '', ...lines] = this.#take(end + 4)
      .toString('latin1')
      .slice(0, -4)
      .split('\r\n')
    const [, status, statusMessage = ''] = /^HTTP\/1\.1 (\d+) ?(.*)$/.exec(first) ?? []
    if (status === undefined) throw new Error(`No answer: ${first}`)
    const header = (name: string): string[] =>
      lines
        .filter((line) => line.toLowerCase().startsWith(`${name}:`))
        .map((line) => line.slice(name.length + 1).trim())
    if (Number(status) < 200) return this.answer(hasBody)
    const isEmpty = !hasBody || status === '204' || status === '304'
    return {
      status: Number(status),
      statusMessage,
      lines: lines.filter((line) => !line.startsWith('Date:')),
      header,
      body: isEmpty ? '' : await this.#body(header),
    }
  }

  /** All that comes until the server closes. */
  async rest(): Promise<string> {
    await this.closedByServer()
    return this.#take(this.#received.length).toString('latin1')
  }

  async closedByServer(): Promise<void> {
    while (!this.#ended) await new Promise<void>((resolve) => (this.#wake = resolve))
  }

  [Symbol.dispose](): void {
    this.socket.destroy()
  }

  async #body(header: Answer['header']): Promise<string> {
    const [length] = header('content-length')
    if (length !== undefined) return (await this.#bytes(Number(length))).toString()
    if (header('transfer-encoding')[0] === 'chunked') {
      const chunks: Buffer[] = []
      for (;;) {
        const end = await this.#until('\r\n')
        const size = Number.parseInt(this.#take(end + 2).toString(), 16)
        if (size === 0) break
        chunks.push((await this.#bytes(size + 2)).subarray(0, size))
      }
      while ((await this.#until('\r\n')) > 0) this.#take((await this.#until('\r\n')) + 2)
      this.#take(2)
      return Buffer.concat(chunks).toString()
    }
    await this.closedByServer()
    return this.#take(this.#received.length).toString()
  }

  async #until(mark: string): Promise<number> {
    for (;;) {
      const at = this.#received.indexOf(mark)
      if (at !== -1) return at
      if (this.#ended) throw new Error(`The connection has ended: ${this.#received.toString('latin1')}`)
      await new Promise<void>((resolve) => (this.#wake = resolve))
    }
  }

  async #bytes(size: number): Promise<Buffer> {
    while (this.#received.length < size) {
      if (this.#ended) throw new Error('The connection has ended in the middle of a body')
      await new Promise<void>((resolve) => (this.#wake = resolve))
    }
    return this.#take(size)
  }

  #take(size: number): Buffer {
    const taken = this.#received.subarray(0, size)
    this.#received = this.#received.subarray(size)
    return taken
  }
}

/** A request's head as text. */
export function head(method: string, path: string, headers: Record<string, string> = {}, version = '1.1'): string {
  const lines = Object.entries({ host: 'app.example', ...headers }).map(([name, value]) => `${name}: ${value}\r\n`)
  return `${method} ${path} HTTP/${version}\r\n${lines.join('')}\r\n`
}

/** A chunk as the chunked transfer coding writes it. */
export function chunk(data: string): string {
  return `${Buffer.byteLength(data).toString(16)}\r\n${data}\r\n`
}

/** One request on a connection of its own. */
export async function request(
  port: number,
  method: string,
  path = '/',
  headers: Record<string, string> = {},
  body = '',
): Promise<Answer> {
  using connection = new Connection(port)
  const length = body === '' ? {} : { 'content-length': String(Buffer.byteLength(body)) }
  connection.write(head(method, path, { ...length, ...headers }) + body)
  return await connection.answer(method !== 'HEAD')
}
