// What Nest's own Jest says of the app, as CommonJS: on a machine in a region with a replica.
import type { INestApplication } from '@nestjs/common'
import { Test } from '@nestjs/testing'
import request from 'supertest'
import { AppModule } from '../src/app.module'
import { replays } from '../src/middleware'
import { PostsService } from '../src/posts.service'

let app: INestApplication
beforeAll(async () => {
  const module = await Test.createTestingModule({ imports: [AppModule] }).compile()
  app = module.createNestApplication()
  app.use(replays)
  await app.init()
})
afterAll(() => app?.close())

test('a service is refused what writes', async () => {
  await expect(app.get(PostsService).add('refused')).rejects.toMatchObject({ code: 'ERR_PRIMARY_REQUIRED' })
  expect(await app.get(PostsService).list()).toContainEqual({ id: 1, title: expect.any(String), views: 0 })
})

test('a controller reads, and is replayed where it writes', async () => {
  const server = app.getHttpServer()
  await request(server).get('/posts').expect(200)
  for (const asked of [request(server).post('/posts').send({ title: 'x' }), request(server).get('/posts/1')]) {
    const { status, headers } = await asked
    expect([status, headers['fly-replay']]).toEqual([409, expect.stringContaining('region=ord')])
  }
})
