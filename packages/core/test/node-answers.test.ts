import { createServer, type RequestListener, type ServerResponse } from 'node:http'
import { Readable } from 'node:stream'
import { describe, expect, test } from '@jest/globals'
import { replayable } from '../src/node.ts'
import { decodeToken } from '../src/token.ts'
import { FakeDatabase } from './support/fake-database.ts'
import { Connection, head, listen } from './support/http.ts'

type Way = (response: ServerResponse) => unknown

/** Every way in which an app, or its framework, may answer; each with cookies and headers of its own. */
const ways: Record<string, Way> = {
  'setHeader, end': (r) => r.setHeader('Set-Cookie', 'a=1').setHeader('X-App', 'yes').end('hello'),
  'setHeader with several cookies': (r) => r.setHeader('set-cookie', ['a=1', 'b=2']).end('hello'),
  appendHeader: (r) => r.appendHeader('Set-Cookie', 'a=1').appendHeader('Set-Cookie', 'b=2').end('hello'),
  'setHeaders with Headers': (r) =>
    r
      .setHeaders(
        new Headers([
          ['Set-Cookie', 'a=1'],
          ['set-cookie', 'b=2'],
        ]),
      )
      .end('x'),
  'writeHead with an object': (r) => r.writeHead(201, { 'Set-Cookie': 'a=1', 'X-App': 'yes' }).end('hello'),
  'writeHead with an object of lists': (r) => r.writeHead(201, { 'set-cookie': ['a=1', 'b=2'] }).end('hello'),
  'writeHead with two spellings': (r) => r.writeHead(201, { 'Set-Cookie': 'a=1', 'set-cookie': 'b=2' }).end('hello'),
  'writeHead without cookies': (r) => r.writeHead(201, { 'X-App': 'yes', 'x-app': 'twice' }).end('hello'),
  'writeHead with a flat list': (r) =>
    r.writeHead(201, ['Set-Cookie', 'a=1', 'X-App', 'yes', 'set-cookie', 'b=2']).end(),
  'writeHead with a flat list without cookies': (r) => r.writeHead(201, ['X-App', 'a', 'X-App', 'b']).end('hello'),
  'writeHead with pairs': (r) =>
    r
      .writeHead(201, [
        ['Set-Cookie', 'a=1'],
        ['X-App', 'yes'],
      ] as never)
      .end('hello'),
  'writeHead with pairs without cookies': (r) => r.writeHead(201, [['X-App', 'yes']] as never).end('hello'),
  'writeHead with an empty list': (r) => r.writeHead(201, []).end('hello'),
  'writeHead with a reason': (r) => r.writeHead(200, 'Fine', { 'Set-Cookie': 'a=1' }).end('hello'),
  'writeHead with an undefined reason': (r) => r.writeHead(200, undefined, { 'Set-Cookie': 'a=1' }).end('hello'),
  'writeHead alone': (r) => r.setHeader('Set-Cookie', 'a=1').writeHead(202).end('hello'),
  'setHeader, writeHead with an object': (r) =>
    r.setHeader('Set-Cookie', 'a=1').writeHead(200, { 'X-App': 'yes' }).end('hello'),
  'setHeader, writeHead with an object that replaces the cookie': (r) =>
    r.setHeader('Set-Cookie', 'a=1').writeHead(200, { 'SET-COOKIE': 'c=3' }).end('hello'),
  'setHeader, writeHead with a flat list': (r) =>
    r.setHeader('Set-Cookie', ['a=1', 'b=2']).writeHead(200, ['X-App', 'yes']).end('hello'),
  'setHeader, writeHead with a flat list that replaces the cookie': (r) =>
    r.setHeader('Set-Cookie', 'a=1').writeHead(200, ['Set-Cookie', 'c=3', 'Set-Cookie', 'd=4']).end('hello'),
  'statusCode and statusMessage': (r) => Object.assign(r, { statusCode: 418, statusMessage: 'Short' }).end('hello'),
  flushHeaders: (r) => {
    r.setHeader('Set-Cookie', 'a=1').flushHeaders()
    r.write('hel')
    r.end('lo')
  },
  'write, write, end': (r) => {
    r.setHeader('X-App', 'yes')
    r.write('hel')
    r.write(Buffer.from('lo'))
    r.end()
  },
  'callbacks of write and end': (r) => {
    r.write('hello', 'latin1', () => r.end('!', () => r.emit('called')))
  },
  'end with a callback alone': (r) => r.setHeader('content-length', '0').end(() => r.emit('called')),
  pipe: (r) => Readable.from(['hel', 'lo']).pipe(r.setHeader('Set-Cookie', 'a=1')),
  'content-length': (r) => r.setHeader('Content-Length', '5').end('hello'),
  'removed content-length': (r) => {
    r.setHeader('Content-Length', '5').removeHeader('Content-Length')
    r.end('hello')
  },
  '204': (r) => r.writeHead(204, { 'Set-Cookie': 'a=1' }).end(),
  '304': (r) => Object.assign(r, { statusCode: 304 }).setHeader('ETag', '"e"').end(),
  trailers: (r) => {
    // Node allows them in chunked answers only.
    if (r.req.method === 'HEAD' || r.req.httpVersion === '1.0') return r.end()
    r.writeHead(200, { Trailer: 'X-End', 'Set-Cookie': 'a=1' })
    r.write('hello')
    r.addTrailers({ 'X-End': 'yes' })
    r.end()
  },
  'connection: close': (r) => r.setHeader('Connection', 'close').end('hello'),
  'early hints first': (r) => {
    r.writeEarlyHints({ link: '</a.css>; rel=preload' })
    r.end('hello')
  },
}
const methods = ['GET', 'HEAD', 'GET 1.0'] as const
const cases = Object.entries(ways).flatMap(([name, way]) => methods.map((method) => [method, name, way] as const))

function serve(way: Way, onCalled: () => void = () => undefined): RequestListener {
  return (_, response) => {
    response.on('called', onCalled)
    way(response)
  }
}

async function exchange(listener: RequestListener, method: string): Promise<string> {
  await using server = await listen(createServer(listener))
  using connection = new Connection(server.port)
  const [verb = '', version = '1.1'] = method.split(' ')
  connection.write(head(verb, '/', { connection: 'close' }, version))
  return (await connection.rest()).replace(/\r\nDate: .*/, '')
}

describe('an answer of the app', () => {
  test.each(cases)('%s, %s: is the same to the byte where there is nothing to add', async (method, _, way) => {
    const policy = { databases: [new FakeDatabase()] }
    expect(await exchange(replayable(serve(way), policy), method)).toBe(await exchange(serve(way), method))
  })

  test.each(cases)('%s, %s: keeps its own headers and cookies beside the token', async (method, _, way) => {
    const database = new FakeDatabase({ role: 'primary' })
    const writes: RequestListener = (request, response) => {
      database.write()
      serve(way)(request, response)
    }
    const [bare, behind] = [
      await exchange(serve(way), method),
      await exchange(replayable(writes, { databases: [database] }), method),
    ]
    const token = /\r\nflyroute-token: (.*)/i.exec(behind)?.[1]
    expect(decodeToken(token).get('app')).toMatchObject({ at: '0/1' })
    const cookie = `\r\nset-cookie: flyroute=${token}; Max-Age=86400; Path=/; HttpOnly; Secure; SameSite=Lax`
    expect(behind.toLowerCase()).toContain(cookie.toLowerCase())
    const without = behind
      .replace(new RegExp(cookie.replace(/[.*+?^${}()|[\]\\]/g, '\\$&'), 'i'), '')
      .replace(/\r\nflyroute-token: .*/i, '')
    expect(parts(without)).toEqual(parts(bare))
  })

  test.each(cases.filter(([method]) => method !== 'GET 1.0'))(
    '%s, %s: is replaced where it swallows a refusal',
    async (method, name, way) => {
      const database = new FakeDatabase()
      let called = 0
      const swallows: RequestListener = (request, response) => {
        expect(() => database.write()).toThrow('[ERR_PRIMARY_REQUIRED]')
        serve(way, () => called++)(request, response)
      }
      await using server = await listen(
        createServer(
          replayable(
            (request, response) => {
              if (request.url === '/read') response.end('read')
              else swallows(request, response)
            },
            { databases: [database] },
          ),
        ),
      )
      using connection = new Connection(server.port)
      connection.write(head(method, '/'))
      const answer = await connection.answer(method === 'GET')
      expect(answer.status).toBe(409)
      expect(answer.statusMessage).toBe('Conflict')
      expect(answer.header('fly-replay')).toEqual([
        'region=ord;state=flyroute:write:insert@app;timeout=5000ms;fallback=prefer_self',
      ])
      expect(answer.header('set-cookie')).toEqual([])
      expect(answer.header('content-length')).toHaveLength(1)
      if (method === 'GET') expect(answer.body).toMatch(/^Fly Proxy runs this request again/)
      if (name === 'connection: close') return connection.closedByServer()
      // The connection is as good as before.
      connection.write(head('GET', '/read'))
      expect((await connection.answer()).body).toBe('read')
      expect(called).toBe(name.includes('callback') ? 1 : 0)
    },
  )
})

/** An answer without the order and the spelling of its headers. */
function parts(answer: string): { first: string; headers: string[]; body: string } {
  const start = answer.lastIndexOf('HTTP/1.1 ')
  const end = answer.indexOf('\r\n\r\n', start)
  const [first = '', ...lines] = answer.slice(start, end).split('\r\n')
  return {
    first: answer.slice(0, start) + first,
    headers: lines.map((line) => line.replace(/^[^:]+/, (name) => name.toLowerCase())).sort(),
    body: answer.slice(end),
  }
}
