import type { ActionFunctionArgs } from 'react-router'
import { addPost, listPosts } from '../posts.server'

// A read: answered by the local replica.
export async function loader(): Promise<Response> {
  return Response.json(await listPosts())
}

// A write: its method says so, and the whole request runs in the primary region before this is even called.
export async function action({ request }: ActionFunctionArgs): Promise<Response> {
  const post = await addPost((await request.json()).title)
  return Response.json(post, { status: 201, headers: { 'set-cookie': `last-post=${post.id}` } })
}
