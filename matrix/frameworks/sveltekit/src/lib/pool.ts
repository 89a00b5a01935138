import { createPool } from '@flyroute/pg'

// Glue: a pool that knows the region it runs in.
export const pool = createPool()
