import { cookies } from 'next/headers'
import { addPost, listPosts } from '../../lib/posts'

// A read: answered by the local replica.
export async function GET(): Promise<Response> {
  return Response.json(await listPosts())
}

// A write: its method says so, and the whole request runs in the primary region before this is even called.
export async function POST(request: Request): Promise<Response> {
  const post = await addPost((await request.json()).title)
  const jar = await cookies()
  jar.set('last-post', String(post.id))
  return Response.json(post, { status: 201 })
}
