import assert from 'node:assert/strict'
import { execFile } from 'node:child_process'
import { test } from 'node:test'
import { promisify } from 'node:util'
import { describeApp } from '../../../examples/demo/src/node-test.ts'

describeApp(
  'loaders, actions and pages under `react-router-serve`',
  {
    folder: import.meta.dirname,
    prepare: () =>
      promisify(execFile)(process.execPath, ['node_modules/@react-router/dev/bin.js', 'build'], {
        env: { ...process.env, NODE_ENV: 'production' },
      }),
    command: ['node', 'node_modules/@react-router/serve/bin.js', 'build/server/index.js'],
    setup: ['node', 'migrate.ts'],
    errors: {
      '/nowhere': { status: 404, type: 'text/html; charset=utf-8', body: /404<!-- --> <!-- -->Not Found/ },
      '/broken': { status: 500, type: 'text/plain; charset=utf-8', body: 'Unexpected Server Error' },
      '/teapot': { status: 418, type: 'application/json; charset=utf-8', body: '{"error":"I am a teapot."}' },
    },
  },
  (stage) => {
    test('a page is rendered locally, and replayed where its loader writes', async () => {
      const { id } = (await stage().ask(stage().somebody('ord'), stage().calls.add('On a page'))).body as { id: number }
      await stage().lab.databases.caughtUp()
      const list = await stage().somebody('ams').get('/')
      assert.deepEqual([list.status, list.route], [200, 'ams'])
      assert.match(list.text, /On a page/)
      const view = await stage().somebody('ams').get(`/views/${id}`)
      assert.deepEqual([view.status, view.route], [200, 'ams → ord'])
      assert.match(view.text, /On a page has 1 views/)
      // What the browser asks for where it goes from page to page.
      const data = await stage().somebody('ams').get(`/views/${id}.data`)
      assert.deepEqual([data.status, data.route], [200, 'ams → ord'])
    })

    test('an action is replayed, and its redirect carries the cookies', async () => {
      const author = stage().somebody('ams')
      await stage().farBehind(async () => {
        const headers = { 'content-type': 'application/x-www-form-urlencoded' }
        const visit = await author.send('/?index', { method: 'POST', headers, body: 'title=By+an+action' })
        assert.deepEqual([visit.status, visit.route, visit.headers.get('location')], [302, 'ams → ord', '/'])
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
