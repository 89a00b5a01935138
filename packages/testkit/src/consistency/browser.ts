import { type Agent, request } from 'node:http'
import type { Answered, PlannedRequest } from '../checker/index.ts'

/** A user's browser: it keeps cookies, of which the last one counts. */
export class Browser {
  readonly cookies: Map<string, string> = new Map()
  readonly #url: (region: string) => string
  readonly #agent: Agent

  /**
   * @param url where the app is, for a client in a region
   * @param agent keeps the connections
   */
  constructor(url: (region: string) => string, agent: Agent) {
    this.#url = url
    this.#agent = agent
  }

  /** Sends a planned request from the region it is planned for. Does not reject. */
  async send({ name, method, region, key, keys = [key], ids }: PlannedRequest): Promise<Answered> {
    const query = new URLSearchParams([...keys.map((one) => ['key', one]), ...ids.map((id) => ['id', id])])
    try {
      const { status, headers, body } = await this.fetch(region, `/${name}?${query}`, { method })
      const note = [headers['flyroute-debug'], headers['flyroute-lab-error']].filter(Boolean).join(' ')
      if (status >= 300) return { status, note: `${note} ${body.slice(0, 300)}` }
      return { status, steps: JSON.parse(body).steps, note }
    } catch (error) {
      return { note: String(error) }
    }
  }

  /** Asks with the cookies of now, and keeps those of the answer as soon as its head has come. */
  fetch(
    region: string,
    path: string,
    { method = 'GET', headers = {} }: { method?: string; headers?: Record<string, string> } = {},
  ): Promise<{ status: number; headers: NodeJS.Dict<string | string[]>; body: string }> {
    const cookie = [...this.cookies].map(([name, value]) => `${name}=${value}`).join('; ')
    return new Promise((resolve, reject) => {
      const sent = request(
        this.#url(region) + path,
        { agent: this.#agent, method, headers: { ...headers, ...(cookie === '' ? {} : { cookie }) } },
        (answer) => {
          for (const line of answer.headers['set-cookie'] ?? []) this.#keep(line)
          let body = ''
          answer.setEncoding('utf8')
          answer.on('data', (text: string) => (body += text))
          answer.once('end', () => resolve({ status: answer.statusCode ?? 0, headers: answer.headers, body }))
          const isCut = (): void => reject(new Error(`The answer was cut short: ${body.trim().slice(0, 300)}`))
          answer.once('error', isCut).once('close', isCut)
        },
      )
      sent.once('error', reject)
      sent.end()
    })
  }

  #keep(line: string): void {
    const [, name = '', value = ''] = /^([^=]+)=([^;]*)/.exec(line) ?? []
    if (/;\s*max-age=0\b/i.test(line)) this.cookies.delete(name)
    else this.cookies.set(name, value)
  }
}
