import { viewPost } from '../../../lib/posts'

// A GET that writes: the replica's pool refuses the statement, and the request is run again in the primary region.
export async function GET(_: Request, { params }: { params: Promise<{ id: string }> }): Promise<Response> {
  const post = await viewPost(Number((await params).id))
  return post === undefined ? Response.json({ error: 'There is no such post.' }, { status: 404 }) : Response.json(post)
}
