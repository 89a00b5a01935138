import { describeApp } from '@flyroute/demo/describe-app'
import { expect, test } from '@jest/globals'

const stage = describeApp({
  folder: 'examples/hono',
  errors: {
    '/nowhere': { status: 404, type: 'text/plain; charset=UTF-8', body: '404 Not Found' },
    '/broken': { status: 500, type: 'text/plain; charset=UTF-8', body: 'Internal Server Error' },
    '/teapot': { status: 418, type: 'text/plain;charset=UTF-8', body: 'I am a teapot.' },
  },
})

test('an answer that has begun writes with a connection to the primary', async () => {
  const visit = await stage().somebody('ams').get('/export')
  expect(visit).toMatchObject({ status: 200, route: 'ams' })
  // The write is the last thing that the stream does; its answer is whole before any client can ask for it.
  expect(await stage().count(`from export where posts = ${visit.text.trim().split('\n').length}`)).toBe(1)
})
