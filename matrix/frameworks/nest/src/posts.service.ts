import { Readable } from 'node:stream'
import { setTimeout as sleep } from 'node:timers/promises'
import { Injectable, NotFoundException } from '@nestjs/common'
import { Pool } from 'pg'

export interface Post {
  id: number
  title: string
  views: number
}

@Injectable()
export class PostsService {
  constructor(private readonly pool: Pool) {}

  async list(): Promise<Post[]> {
    const { rows } = await this.pool.query('select id, title, views from post order by id desc limit 20')
    return rows
  }

  async add(title: string): Promise<Post> {
    const { rows } = await this.pool.query('insert into post (title) values ($1) returning id, title, views', [title])
    return rows[0]
  }

  async view(id: number): Promise<Post> {
    const { rows } = await this.pool.query(
      'update post set views = views + 1 where id = $1 returning id, title, views',
      [id],
    )
    if (rows.length === 0) throw new NotFoundException('There is no such post.')
    return rows[0]
  }

  /** A transaction that turns into a write half-way. Nothing here knows about regions. */
  async report(): Promise<{ posts: number; views: number }> {
    const client = await this.pool.connect()
    try {
      await client.query('begin')
      const { rows } = await client.query(
        'select count(*)::int as posts, coalesce(sum(views), 0)::int as views from post',
      )
      await client.query('insert into report (posts, views) values ($1, $2)', [rows[0].posts, rows[0].views])
      await client.query('commit')
      return rows[0]
    } catch (error) {
      await client.query('rollback')
      throw error
    } finally {
      client.release()
    }
  }

  async search(text: string, remember: boolean): Promise<Post[]> {
    const { rows } = await this.pool.query('select id, title, views from post where title like $1', [`%${text}%`])
    if (remember) await this.pool.query('insert into search (text) values ($1)', [text])
    return rows
  }

  live(): Readable {
    return Readable.from(this.titles())
  }

  private async *titles(): AsyncGenerator<string> {
    for (let last = 0, title = ''; title !== 'The end'; await sleep(20)) {
      const { rows } = await this.pool.query('select id, title from post where id > $1 order by id', [last])
      for (const row of rows) {
        ;({ id: last, title } = row)
        yield `${title}\n`
      }
    }
  }

  async upload(stream: AsyncIterable<Buffer>): Promise<{ bytes: number }> {
    let bytes = 0
    for await (const chunk of stream) bytes += chunk.length
    const { rows } = await this.pool.query('insert into upload (bytes) values ($1) returning bytes', [bytes])
    return rows[0]
  }

  async rememberNothing(): Promise<void> {
    await this.pool.query("insert into search (text) values ('nothing')")
  }
}
