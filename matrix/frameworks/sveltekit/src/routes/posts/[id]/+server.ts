import { json, type RequestHandler } from '@sveltejs/kit'
import { viewPost } from '../../../lib/posts.ts'

// A GET that writes: the replica's pool refuses the statement, and the request is run again in the primary region.
export const GET: RequestHandler = async ({ params }) => {
  const post = await viewPost(Number(params['id']))
  return post === undefined ? json({ error: 'There is no such post.' }, { status: 404 }) : json(post)
}
