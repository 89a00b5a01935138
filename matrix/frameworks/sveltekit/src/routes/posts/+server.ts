import { json, type RequestHandler } from '@sveltejs/kit'
import { addPost, listPosts } from '../../lib/posts.ts'

// A read: answered by the local replica.
export const GET: RequestHandler = async () => json(await listPosts())

// A write: its method says so, and the whole request runs in the primary region before this is even called.
export const POST: RequestHandler = async ({ request, cookies }) => {
  const post = await addPost((await request.json()).title)
  cookies.set('last-post', String(post.id), { path: '/' })
  return json(post, { status: 201 })
}
