import { describeApp } from '@flyroute/demo/describe-app'
import { expect, test } from '@jest/globals'

const stage = describeApp({
  folder: 'examples/express',
  errors: {
    '/nowhere': {
      status: 404,
      type: 'text/html; charset=utf-8',
      body: /^<!DOCTYPE html>[^]*<pre>Cannot GET \/nowhere<\/pre>\n<\/body>\n<\/html>\n$/,
    },
    '/broken': {
      status: 500,
      type: 'text/html; charset=utf-8',
      body: /^<!DOCTYPE html>[^]*<pre>Internal Server Error<\/pre>\n<\/body>\n<\/html>\n$/,
    },
    '/teapot': { status: 418, type: 'application/json; charset=utf-8', body: '{"error":"I am a teapot."}' },
  },
})

test("an error behind a write is the app's own as well", async () => {
  const missing = await stage().somebody('ams').get('/posts/999999')
  expect(missing).toMatchObject({ status: 404, route: 'ams → ord', body: { error: 'There is no such post.' } })
  expect(await stage().somebody('ams').get('/posts/abc')).toMatchObject({ status: 500, route: 'ams → ord' })
})

test('the health check tells role and lag', async () => {
  const visit = await stage().somebody('ams').get('/healthz')
  expect(visit).toMatchObject({ status: 200, body: { healthy: true, databases: [{ role: 'replica', region: 'ams' }] } })
})
