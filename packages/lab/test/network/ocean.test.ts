import { once } from 'node:events'
import { connect, createServer, type Server, type Socket } from 'node:net'
import { afterEach, beforeEach, expect, test } from '@jest/globals'
import { Network } from '../../src/network/network.ts'
import { Ocean } from '../../src/network/ocean.ts'

const roundTrip = 40
let network: Network
let server: Server
let accepted: Socket[]
let ocean: Ocean

beforeEach(async () => {
  network = new Network({ 'ams-ord': roundTrip })
  accepted = []
  server = createServer({ allowHalfOpen: true }, (socket) => {
    accepted.push(socket)
    socket.on('error', () => {})
    socket.pipe(socket)
  })
  server.listen(0, '127.0.0.1')
  await once(server, 'listening')
  const { port } = server.address() as { port: number }
  ocean = await Ocean.open(() => ({ link: network.link('ams', 'ord'), port }))
})
afterEach(async () => {
  await ocean.close()
  server.close()
  for (const socket of accepted) socket.destroy()
})

async function timed<T>(promise: Promise<T>): Promise<number> {
  const start = performance.now()
  await promise
  return performance.now() - start
}

test('the first answer takes two round trips, one of them for the handshake; the next take one', async () => {
  const firsts: number[] = []
  const seconds: number[] = []
  // What the machine itself adds is not the ocean's: the quickest of a few is looked at.
  const isEnough = (): boolean => Math.min(...firsts) < 3 * roundTrip && Math.min(...seconds) < 2 * roundTrip
  for (let attempt = 0; attempt < 20 && !isEnough(); attempt++) {
    const client = connect(ocean.port)
    client.write('a')
    firsts.push(await timed(once(client, 'data')))
    client.write('b')
    seconds.push(await timed(once(client, 'data')))
    client.destroy()
  }
  expect(Math.min(...firsts)).toBeGreaterThanOrEqual(2 * roundTrip - 1)
  expect(Math.min(...firsts)).toBeLessThan(3 * roundTrip)
  expect(Math.min(...seconds)).toBeGreaterThanOrEqual(roundTrip - 1)
  expect(Math.min(...seconds)).toBeLessThan(2 * roundTrip)
})

test('what is sent arrives whole and in its order, as long as either side sends', async () => {
  const client = connect({ port: ocean.port, allowHalfOpen: true })
  const size = 12 * 1024 * 1024
  const sent = Buffer.from(Uint32Array.from({ length: size / 4 }, (_, index) => index).buffer)
  client.end(sent)
  const chunks: Buffer[] = []
  for await (const chunk of client) chunks.push(chunk as Buffer)
  expect(Buffer.concat(chunks).equals(sent)).toBe(true)
})

test('while the link is cut nothing arrives; afterwards all of it does', async () => {
  const client = connect(ocean.port)
  client.write('before')
  await once(client, 'data')
  network.cut('ord', 'ams')
  let got = ''
  client.on('data', (chunk: Buffer) => (got += chunk.toString()))
  client.write('one')
  client.write('two')
  await new Promise((resolve) => setTimeout(resolve, 2 * roundTrip))
  expect(got).toBe('')
  network.heal('ams', 'ord')
  while (got.length < 6) await once(client, 'data')
  expect(got).toBe('onetwo')
  client.destroy()
})

test('the end of a connection crosses the ocean, and a reset stays one', async () => {
  const client = connect(ocean.port)
  client.on('error', () => {})
  client.write('a')
  await once(client, 'data')
  accepted[0]?.resetAndDestroy()
  const closed = once(client, 'error')
  expect(await timed(closed)).toBeGreaterThanOrEqual(roundTrip / 2 - 1)
  expect((await closed)[0]).toMatchObject({ code: 'ECONNRESET' })

  const other = connect(ocean.port)
  other.write('a')
  await once(other, 'data')
  const heard = once(accepted[1] as Socket, 'close')
  other.destroy()
  expect(await timed(heard)).toBeGreaterThanOrEqual(roundTrip / 2 - 1)
})

test('where nobody listens, the connection is reset after the round trip', async () => {
  server.close()
  const client = connect(ocean.port)
  client.write('a')
  const [error] = (await once(client, 'error')) as [NodeJS.ErrnoException]
  expect(error.code).toBe('ECONNRESET')
})
