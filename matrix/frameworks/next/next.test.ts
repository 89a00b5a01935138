import assert from 'node:assert/strict'
import { execFile } from 'node:child_process'
import { test } from 'node:test'
import { promisify } from 'node:util'
import type { Client } from '../../../examples/demo/src/client.ts'
import { describeApp } from '../../../examples/demo/src/node-test.ts'

const next = 'node_modules/next/dist/bin/next'
const env = { NEXT_TELEMETRY_DISABLED: '1' }

describeApp(
  'route handlers, pages and server actions under `next start`',
  {
    folder: import.meta.dirname,
    prepare: () => promisify(execFile)(process.execPath, [next, 'build'], { env: { ...process.env, ...env } }),
    command: ['node', '--import', './flyroute.ts', next, 'start'],
    setup: ['node', 'migrate.ts'],
    env,
    errors: {
      '/nowhere': { status: 404, type: 'text/html; charset=utf-8', body: /This page could not be found/ },
      '/broken': { status: 500, type: null, body: '' },
      '/teapot': { status: 418, type: 'application/json', body: '{"error":"I am a teapot."}' },
    },
  },
  (stage) => {
    test('a page is rendered locally, and replayed where it writes', async () => {
      const { id } = (await stage().ask(stage().somebody('ord'), stage().calls.add('On a page'))).body as { id: number }
      await stage().lab.databases.caughtUp()
      const list = await stage().somebody('ams').get('/actions')
      assert.deepEqual([list.status, list.route], [200, 'ams'])
      assert.match(list.text, /On a page/)
      const view = await stage().somebody('ams').get(`/views/${id}`)
      assert.deepEqual([view.status, view.route], [200, 'ams → ord'])
      assert.match(view.text, /On a page(<!-- -->)? has (<!-- -->)?1 views/)
    })

    for (const [path, why] of [
      ['/actions', 'method'],
      ['/actions?later', 'insert'],
    ] as const) {
      test(`a server action is replayed (${why}), and its redirect carries the cookies`, async () => {
        const author = stage().somebody('ams')
        await stage().farBehind(async () => {
          const title = `By an action: ${why}`
          const visit = await submit(author, path, title)
          assert.deepEqual([visit.status, visit.route], [303, 'ams → ord'], visit.text)
          assert.equal(visit.headers.get('location'), '/actions')
          const cookies = visit.headers.getSetCookie().join()
          assert.match(cookies, /last-post=\d+/)
          assert.match(cookies, /flyroute[.\w]*=[^;]/)
          const { hops = [] } = stage().lab.journal.entries.findLast((entry) => entry.method === 'POST') ?? {}
          assert.match(String(hops[0]?.why), new RegExp(why))
          assert.equal(await stage().count(`from post where title = '${title}'`), 1)
          const list = await author.get('/actions')
          assert.deepEqual([list.status, list.route], [200, 'ams → ord'])
          assert.match(list.text, new RegExp(title))
        })
      })
    }

    test('what a page writes behind its first byte runs where it is', async () => {
      const visit = await stage().somebody('ams').get('/late')
      assert.deepEqual([visit.status, visit.route], [200, 'ams'])
      assert.match(visit.text, /Wrote (<!-- -->)?Late/)
      assert.equal(await stage().count("from post where title = 'Late'"), 1)
    })
  },
)

/** What a browser without JavaScript sends for the form on the page. */
async function submit(client: Client, path: string, title: string): Promise<Awaited<ReturnType<Client['send']>>> {
  const { text } = await client.get('/actions')
  const action = /name="(\$ACTION_ID_\w+)"/.exec(text)?.[1]
  assert.ok(action, text)
  const form = new FormData()
  form.set(action, '')
  form.set('title', title)
  // Of known length, as browsers send it.
  const request = new Request('http://app', { method: 'POST', body: form })
  const headers = { 'content-type': request.headers.get('content-type') as string }
  return client.send(path, { method: 'POST', headers, body: await request.arrayBuffer() })
}
