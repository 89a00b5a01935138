import { createPool, type FlyroutePool } from '@flyroute/pg'

// Glue: one pool in the process. Next bundles this module into more than one piece, and each is to have the same.
const shared = globalThis as { pool?: FlyroutePool }
export const pool = (shared.pool ??= createPool())
