import type { Call } from '@flyroute/demo/conformance'
import { describeApp } from '@flyroute/demo/describe-app'
import { expect, test } from '@jest/globals'

/** As a client does that sends everything as a POST. */
const call = (name: string, input?: unknown): Call => ({
  path: `/${name}`,
  init: { method: 'POST', headers: { 'content-type': 'application/json' }, body: JSON.stringify(input) ?? '' },
  pick: (body) => (body as { result: { data: unknown } }).result.data,
})
const type = 'application/json'

const stage = describeApp({
  folder: 'examples/trpc',
  calls: {
    list: () => call('list'),
    add: (title) => call('add', { title }),
    view: (id) => call('view', id),
    report: () => call('report'),
    search: (text, remember) => call('search', { text, remember }),
    live: () => ({ path: '/live', init: { headers: { accept: 'text/event-stream' } } }),
    upload: (bytes) => call('upload', 'x'.repeat(bytes)),
    careless: () => call('careless'),
  },
  errors: {
    '/nowhere': {
      status: 404,
      type,
      body: '{"error":{"message":"No procedure found on path \\"nowhere\\"","code":-32004,"data":{"code":"NOT_FOUND","httpStatus":404,"path":"nowhere"}}}',
    },
    '/broken': {
      status: 500,
      type,
      body: '{"error":{"message":"Broken","code":-32603,"data":{"code":"INTERNAL_SERVER_ERROR","httpStatus":500,"path":"broken"}}}',
    },
    '/teapot': {
      status: 403,
      type,
      body: '{"error":{"message":"I am a teapot.","code":-32003,"data":{"code":"FORBIDDEN","httpStatus":403,"path":"teapot"}}}',
    },
  },
})

test('a batch in which one procedure writes is replayed as a whole', async () => {
  const { body } = await stage().ask(stage().somebody('ord'), stage().calls.add('In a batch'))
  const { id } = body as { id: number }
  const { init = {} } = call('', { 1: id })
  const visit = await stage().ask(stage().somebody('ams'), { path: '/list,view?batch=1', init })
  expect(visit).toMatchObject({ status: 200, route: 'ams → ord' })
  expect(visit.body).toMatchObject([{}, { result: { data: { id, views: 1 } } }])
})
