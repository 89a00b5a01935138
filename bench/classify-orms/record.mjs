// Listens in on the drivers: what an ORM hands to its own copy of pg, mysql2 or better-sqlite3 is written down.
import { createRequire } from 'node:module'

/** @type {{ sql: string, values: unknown[] }[] | undefined} */
let record

function note(sql, values) {
  if (typeof sql === 'string') record?.push({ sql, values: Array.isArray(values) ? values.map(plain) : [] })
}

/** What JSON can hold. */
function plain(value) {
  if (value instanceof Date) return value.toISOString()
  if (typeof value === 'bigint') return String(value)
  if (value instanceof Uint8Array) return Buffer.from(value).toString('hex')
  return value ?? null
}

/** Patches the drivers as seen from a package. */
export function listen(from) {
  const require = createRequire(from)
  patch(require('pg').Client.prototype, 'query', ([config, values]) =>
    typeof config === 'string'
      ? note(config, Array.isArray(values) ? values : [])
      : note(config?.text, config?.values ?? values),
  )
  const { Connection } = require('mysql2')
  for (const method of ['query', 'execute']) {
    patch(Connection.prototype, method, ([options, values]) =>
      typeof options === 'string'
        ? note(options, Array.isArray(values) ? values : [])
        : note(options?.sql, options?.values ?? values),
    )
  }
  const Database = require('better-sqlite3')
  for (const method of ['prepare', 'exec']) patch(Database.prototype, method, ([sql]) => note(sql, []))
}

const PATCHED = Symbol('listened to')

function patch(prototype, method, heard) {
  const original = prototype[method]
  if (original[PATCHED]) return
  prototype[method] = Object.assign(
    function (...args) {
      heard(args)
      return original.apply(this, args)
    },
    { [PATCHED]: true },
  )
}

/** The statements sent while `work` runs, each text once. */
export async function recorded(work) {
  record = []
  try {
    await work()
    const seen = new Set()
    return record.filter(({ sql }) => !seen.has(sql) && seen.add(sql))
  } finally {
    record = undefined
  }
}
