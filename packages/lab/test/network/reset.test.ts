import { once } from 'node:events'
import { type AddressInfo, connect, createServer } from 'node:net'
import { expect, test } from '@jest/globals'
import { reset } from '../../src/network/reset.ts'

test('a connection that is reset while its own end is under way is closed all the same', async () => {
  await using server = createServer((socket) => socket.on('error', () => {}).resume()).listen(0, '127.0.0.1')
  await once(server, 'listening')
  const errors: unknown[] = []
  for (const end of [true, false]) {
    const socket = connect((server.address() as AddressInfo).port, '127.0.0.1')
    socket.on('error', (error) => errors.push(error))
    await once(socket, 'connect')
    const closed = once(socket, 'close')
    if (end) socket.end('the last words')
    process.nextTick(reset, socket)
    await closed
  }
  expect(errors).toEqual([])
})
