import type { LoaderFunctionArgs } from 'react-router'
import { viewPost } from '../posts.server'

// A GET that writes: the replica's pool refuses the statement, and the request is run again in the primary region.
export async function loader({ params }: LoaderFunctionArgs): Promise<Response> {
  const post = await viewPost(Number(params['id']))
  return post === undefined ? Response.json({ error: 'There is no such post.' }, { status: 404 }) : Response.json(post)
}
