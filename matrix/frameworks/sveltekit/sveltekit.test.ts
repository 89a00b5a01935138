import assert from 'node:assert/strict'
import { execFile } from 'node:child_process'
import { test } from 'node:test'
import { promisify } from 'node:util'
import { describeApp } from '../../../examples/demo/src/node-test.ts'

const type = 'application/json'

describeApp(
  'endpoints, load functions and actions under adapter-node',
  {
    folder: import.meta.dirname,
    prepare: () => promisify(execFile)(process.execPath, ['node_modules/vite/bin/vite.js', 'build']),
    command: ['node', 'build'],
    setup: ['node', 'migrate.ts'],
    // What adapter-node needs to know where there is a proxy in front, and the largest body that it takes.
    env: { PROTOCOL_HEADER: 'x-forwarded-proto', BODY_SIZE_LIMIT: '10M' },
    errors: {
      '/nowhere': { status: 404, type: 'text/html', body: /Not Found/ },
      '/broken': { status: 500, type, body: '{"status":500,"message":"Internal Error"}' },
      '/teapot': { status: 418, type, body: '{"status":418,"message":"I am a teapot."}' },
    },
  },
  (stage) => {
    test('a page is rendered locally, and replayed where its load function writes', async () => {
      const { id } = (await stage().ask(stage().somebody('ord'), stage().calls.add('On a page'))).body as { id: number }
      await stage().lab.databases.caughtUp()
      const list = await stage().somebody('ams').get('/')
      assert.deepEqual([list.status, list.route], [200, 'ams'])
      assert.match(list.text, /On a page/)
      const view = await stage().somebody('ams').get(`/views/${id}`)
      assert.deepEqual([view.status, view.route], [200, 'ams → ord'])
      assert.match(view.text, /On a page has 1 views/)
      // What the browser asks for where it goes from page to page.
      const data = await stage().somebody('ams').get(`/views/${id}/__data.json`)
      assert.deepEqual([data.status, data.route], [200, 'ams → ord'])
    })

    test('an action is replayed, and its redirect carries the cookies', async () => {
      const author = stage().somebody('ams')
      await stage().farBehind(async () => {
        // As a browser without JavaScript sends a form.
        const type = 'application/x-www-form-urlencoded'
        const headers = { accept: 'text/html', 'content-type': type, origin: stage().lab.url('ams') }
        const visit = await author.send('/', { method: 'POST', headers, body: 'title=By+an+action' })
        assert.deepEqual(
          [visit.status, visit.route, visit.headers.get('location')],
          [303, 'ams → ord', '/'],
          visit.text,
        )
        const cookies = visit.headers.getSetCookie().join()
        assert.match(cookies, /last-post=\d+/)
        assert.match(cookies, /flyroute[.\w]*=[^;]/)
        const list = await author.get('/')
        assert.deepEqual([list.status, list.route], [200, 'ams → ord'])
        assert.match(list.text, /By an action/)
      })
    })
  },
)
