import { pool } from './pool.server'

export interface Post {
  id: number
  title: string
  views: number
}

export async function listPosts(): Promise<Post[]> {
  const { rows } = await pool.query<Post>('select id, title, views from post order by id desc limit 20')
  return rows
}

export async function addPost(title: string): Promise<Post> {
  const { rows } = await pool.query<Post>('insert into post (title) values ($1) returning id, title, views', [title])
  return rows[0] as Post
}

export async function viewPost(id: number): Promise<Post | undefined> {
  const { rows } = await pool.query<Post>(
    'update post set views = views + 1 where id = $1 returning id, title, views',
    [id],
  )
  return rows[0]
}
