import type { IncomingMessage, ServerResponse } from 'node:http'
import { text } from 'node:stream/consumers'
import { openDatabase } from '@flyroute/better-sqlite3'
import { healthResponse } from '@flyroute/core'
import { sendReplay } from '@flyroute/core/node'

interface Post {
  id: number
  title: string
  views: number
}

// LITEFS_DIR and DATABASE_FILENAME say where it is.
export const db = openDatabase()

/** An app for node:http, as plain as it gets. */
export async function handle(request: IncomingMessage, response: ServerResponse): Promise<void> {
  const { pathname } = new URL(request.url ?? '/', 'http://app.test')
  const [, id] = /^\/posts\/(\d+)$/.exec(pathname) ?? []

  // A read: answered from the local file.
  if (request.method === 'GET' && pathname === '/posts') {
    return send(response, 200, db.prepare<[], Post>('select * from post order by id desc limit 20').all())
  }
  // A write: its method says so, and the whole request runs on the primary's machine.
  if (request.method === 'POST' && pathname === '/posts') {
    const { title } = JSON.parse(await text(request)) as Post
    return send(response, 201, db.prepare<[string], Post>('insert into post (title) values (?) returning *').get(title))
  }
  // A GET that writes: refused before SQLite could only say "disk I/O error", and run again on the primary's machine.
  if (id !== undefined) {
    const post = db.prepare<[string], Post>('update post set views = views + 1 where id = ? returning *').get(id)
    return post === undefined ? send(response, 404, { error: 'There is no such post.' }) : send(response, 200, post)
  }
  if (pathname === '/healthz') return sendReplay(response, await healthResponse({ databases: [db] }))
  send(response, 404, { error: 'There is nothing here.' })
}

function send(response: ServerResponse, status: number, body: unknown): void {
  response.writeHead(status, { 'content-type': 'application/json' }).end(JSON.stringify(body))
}
