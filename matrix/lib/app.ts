// The app that runs in every region of the lab: `node app.ts <folder of the suite>`. One route an operation, by any method,
// through the middleware that an app of Node's own server has. An error is answered by the app itself, as if it had not heard of
// flyroute.
import { createServer, type RequestListener } from 'node:http'
import { join } from 'node:path'
import { pathToFileURL } from 'node:url'
import type { Replication } from '@flyroute/core'
import { replayable } from '@flyroute/core/node'
import type { OperationName } from './operations.ts'
import type { OrmSuite, Run } from './orm.ts'
import { outcomeOf, toJson } from './outcome.ts'

const [, , folder = '.'] = process.argv
const load = (file: string): Promise<unknown> => import(pathToFileURL(join(folder, file)).href)
const { suite } = (await load('orm.ts')) as { suite: OrmSuite<unknown> }
// As the documentation says it: this file is a snippet of docs/orms.md.
const { db, pool, driver } = (await load('db.ts')) as Record<'db' | 'pool' | 'driver', unknown>
await suite.connect?.(db)
const database = (pool ?? driver) as { readonly replication: Replication }
const operations: Partial<Record<OperationName, Run>> = suite.operations(db)

const handler: RequestListener = (request, response) => {
  void answer(decodeURIComponent(request.url?.slice(1) ?? '') as OperationName).then(({ status, body }) => {
    response.writeHead(status, { 'content-type': 'application/json' }).end(body)
  })
}

async function answer(name: OperationName): Promise<{ status: number; body: string }> {
  const run = operations[name]
  if (run === undefined) return { status: 404, body: '' }
  const outcome = await outcomeOf(run)
  return { status: 'answer' in outcome ? 200 : 500, body: toJson(outcome) }
}

createServer(replayable(handler, { databases: [database], debugHeader: true })).listen(Number(process.env['PORT']))
