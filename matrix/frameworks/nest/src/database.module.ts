import { createPool } from '@flyroute/pg'
import { Global, Module, type OnApplicationShutdown } from '@nestjs/common'
import { Pool } from 'pg'

// Glue: a pool that knows the region it runs in. Whatever is injected a Pool gets it.
export const pool = createPool()

@Global()
@Module({ providers: [{ provide: Pool, useValue: pool }], exports: [Pool] })
export class DatabaseModule implements OnApplicationShutdown {
  async onApplicationShutdown(): Promise<void> {
    await pool.end()
  }
}
